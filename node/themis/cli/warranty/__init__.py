"""Money behind answers: covers, bonds, and the games about wrong answers."""
