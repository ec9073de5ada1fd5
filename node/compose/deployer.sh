#!/usr/bin/env bash
# Sets up the home of docker-compose.yml's node, once: a key with play money, an oracle, a model that is open to everybody.
set -euo pipefail

CHAIN=http://chain:8545
MODEL_PATH=/opt/models/evm-risk-moe
OPEN=personal=open,research=open,commercial=open

if [ -e "$THEMIS_HOME/config.toml" ]; then
  exit 0
fi
until python3 -c "import socket; socket.create_connection(('chain', 8545), 1)" 2> /dev/null; do
  sleep 0.5
done
ACCOUNT=$(themis keys new | awk '$1 == "address" { print $2 }')
python3 - "$CHAIN" "$ACCOUNT" <<'PYTHON'
import json
import sys
import urllib.request

chain, account = sys.argv[1:]
call = {"jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [account, hex(10**20)]}
request = urllib.request.Request(chain, json.dumps(call).encode(), {"Content-Type": "application/json"})
if "error" in (answer := json.load(urllib.request.urlopen(request))):
    sys.exit(str(answer["error"]))
PYTHON
themis init --rpc-url $CHAIN
themis deploy
MODEL=$(themis models register $MODEL_PATH | awk '$1 == "model_id" { print $2 }')
themis license publish "$MODEL" --terms $MODEL_PATH/LICENSE --requester $OPEN --operator $OPEN
themis models serve $MODEL_PATH "$MODEL" --min-fee-wei 0 --max-callback-gas 200000
