# What the set-up of docker-compose.yml's play chain shares.
# shellcheck shell=bash
CHAIN=http://chain:8545
MODEL_PATH=/opt/models/evm-risk-moe

# 100 ether of play money for an account.
fund() {
  python3 - "$CHAIN" "$1" << 'PYTHON'
import json
import sys
import urllib.request

chain, account = sys.argv[1:]
call = {"jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [account, hex(10**20)]}
request = urllib.request.Request(chain, json.dumps(call).encode(), {"Content-Type": "application/json"})
if "error" in (answer := json.load(urllib.request.urlopen(request))):
    sys.exit(str(answer["error"]))
PYTHON
}
