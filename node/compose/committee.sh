#!/usr/bin/env bash
# Sets up the homes of docker-compose.yml's three members, once: 2 of 3 answer for a committee, with the deployer's oracle and model.
set -euo pipefail

. /opt/compose/play.sh
HOMES=$THEMIS_HOME
DONE=$HOMES/joined

if [ -e "$DONE" ]; then
  exit 0
fi
find "$HOMES" -mindepth 1 -delete
said() { python3 -c "import sys, tomllib; t = tomllib.load(open('/home/themis/node/config.toml', 'rb')); print(t$1)"; }
ORACLE=$(said "['chain']['oracle']")
START=$(said "['chain']['start_block']")
if [ "$START" -lt 2 ]; then
  START=2 # the block before it is remembered, and a chain that goes on from a saved state has begun anew below block 1
fi
MODEL=$(said "['models'][0]['model_id']")
for member in member-1 member-2 member-3; do
  export THEMIS_HOME=$HOMES/$member
  fund "$(themis keys new | awk '$1 == "address" { print $2 }')"
  themis init --rpc-url $CHAIN --oracle "$ORACLE" --start-block "$START"
done
export THEMIS_HOME=$HOMES/member-1
made=$(themis committee create --threshold 2 --stake-wei 1000000000000000000)
COMMITTEE=$(awk '$1 == "committee" { print $2 }' <<< "$made")
for member in member-1 member-2 member-3; do
  THEMIS_HOME=$HOMES/$member themis committee join "$COMMITTEE" --endpoint http://$member:8553
done
OFFER=(committee offer "$MODEL" --min-fee-wei 0 --bundle $MODEL_PATH)
SIGNATURE=$(themis "${OFFER[@]}" | awk '$1 == "signature" { print $2 }')
THEMIS_HOME=$HOMES/member-2 themis "${OFFER[@]}" --signature "$SIGNATURE"
THEMIS_HOME=$HOMES/member-3 themis "${OFFER[@]}"
touch "$DONE"
