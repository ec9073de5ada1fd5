#!/usr/bin/env bash
# Sets up the home of docker-compose.yml's node, once: a key with play money, an oracle, a model that is open to everybody,
# and a home for who asks.
set -euo pipefail

. /opt/compose/play.sh
OPEN=personal=open,research=open,commercial=open
DONE=$THEMIS_HOME/deployed

if [ -e "$DONE" ]; then
  exit 0
fi
find "$THEMIS_HOME" -mindepth 1 -delete # of an attempt that was cut off: what it owned is play money
fund "$(themis keys new | awk '$1 == "address" { print $2 }')"
themis init --rpc-url $CHAIN
ORACLE=$(themis deploy | awk '$1 == "oracle" { print $2 }')
MODEL=$(themis models register $MODEL_PATH | awk '$1 == "model_id" { print $2 }')
themis license publish "$MODEL" --terms $MODEL_PATH/LICENSE --requester $OPEN --operator $OPEN
themis models serve $MODEL_PATH "$MODEL" --min-fee-wei 0 --max-callback-gas 200000
REQUESTER=(themis --home "$THEMIS_HOME/requester") # a key of its own: whoever shares a node's takes its nonces
fund "$("${REQUESTER[@]}" keys new | awk '$1 == "address" { print $2 }')"
"${REQUESTER[@]}" init --rpc-url $CHAIN --oracle "$ORACLE"
touch "$DONE"
