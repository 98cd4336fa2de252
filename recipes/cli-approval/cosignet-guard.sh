#!/usr/bin/env bash
# Runs a command once somebody has signed exactly that command:
#
#   cosignet-guard.sh --user alex --action "terraform destroy — prod" -- terraform destroy
#
# The approver reads argv, the program's path, the folder and the host. What runs is that argv, as
# an array; no shell reads it again. ../lib/cosignet.sh says what it needs; docs/sdk.md the rest.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../lib/cosignet.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/cosignet.sh"

APPROVER=${COSIGNET_USER:-} ACTION='' TTL=180 RISK=normal
while (($#)); do
  case $1 in
    --user) APPROVER=${2-} && shift 2 ;;
    --action) ACTION=${2-} && shift 2 ;;
    --ttl) TTL=${2-} && shift 2 ;;
    --risk) RISK=${2-} && shift 2 ;;
    --log-key) no_log ;;
    --) shift && break ;;
    *) die "$USAGE" 'Usage: cosignet-guard.sh --user NAME [--action TEXT] [--ttl SECONDS]' \
      '[--risk normal|high] -- COMMAND …' ;;
  esac
done
need
[[ -n $APPROVER ]] || die "$USAGE" 'Nobody is asked. Give --user NAME, or set COSIGNET_USER.'
[[ $TTL =~ ^[1-9][0-9]{0,4}$ ]] || die "$USAGE" '--ttl is 1 to 86400 seconds.'
(($#)) || die "$USAGE" 'No command was given. Write it after --.'
PROGRAM=$(type -P -- "$1") || die "$USAGE" "$1: there is no such program."
[[ $PROGRAM == /* ]] || PROGRAM=$PWD/$PROGRAM
HOST=$(uname -n)
: "${ACTION:=Run ${PROGRAM##*/} on $HOST}"
APPROVER=${APPROVER,,}

unreadable() { die "$USAGE" 'An argument is not UTF-8; nobody could read what they sign.'; }
ARGV=$(json list "$@") || unreadable
json object argv json "$ARGV" program text "$PROGRAM" cwd text "$PWD" host text "$HOST" \
  >"$WORK/payload" || unreadable
require_approval
say 'Approved, and verified here.'
status=0
trap : INT TERM HUP # they are the command's, if they reach it
(exec -a "$1" "$PROGRAM" "${@:2}") || status=$?
trap '' INT TERM HUP # what became of it is told in any case
if ((status)); then report failed "exit status $status"; else report executed "exit status 0"; fi
exit "$status"
