"""Pure protocol logic: no I/O, clock, threads or framework."""
