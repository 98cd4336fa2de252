#!/usr/bin/env bash
# Holds a pipeline until somebody has signed exactly these facts:
#
#   gate.sh --user alex --action "Deploy acme/api → production" \
#     --field environment=production --field commit="$GITHUB_SHA"
#
# Ends with 0 once it is approved, verified and used up, and prints the confirmation's id: the next
# step may run, once. Any other end says why not (docs/sdk.md). Afterwards, so that the approver can
# read what became of it:  gate.sh --outcome executed|failed ID
# A runner keeps nothing, so COSIGNET_PINS names a file in the repository with the approvers' passkeys.
# ../lib/cosignet.sh says what else it needs.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../lib/cosignet.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/cosignet.sh"

if [[ ${1-} == --outcome ]]; then
  [[ ${2-} =~ ^(executed|failed)$ && ${3-} =~ ^[0-9A-Za-z-]+$ ]] ||
    die "$USAGE" 'Usage: gate.sh --outcome executed|failed ID'
  need
  ID=$3
  report "$2" 'told by the pipeline'
  exit 0
fi

summary() { # for people, where the runner shows it
  [[ -z ${GITHUB_STEP_SUMMARY:-} ]] || printf '%s\n\n' "$1" >>"$GITHUB_STEP_SUMMARY"
}
APPROVER=${COSIGNET_USER:-} ACTION='' TTL=900 RISK=normal FIELDS=()
while (($#)); do
  case $1 in
    --user) APPROVER=${2-} && shift 2 ;;
    --action) ACTION=${2-} && shift 2 ;;
    --ttl) TTL=${2-} && shift 2 ;;
    --risk) RISK=${2-} && shift 2 ;;
    --log-key) no_log ;;
    --field)
      # A name that begins with a digit would move to the front, and one may not come twice.
      [[ ${2-} =~ ^([A-Za-z_][A-Za-z0-9_-]*)=(.*)$ ]] || die "$USAGE" '--field takes NAME=VALUE.'
      [[ " ${NAMES:-} " != *" ${BASH_REMATCH[1]} "* ]] || die "$USAGE" "Twice: ${BASH_REMATCH[1]}."
      NAMES="${NAMES:-} ${BASH_REMATCH[1]}"
      FIELDS+=("${BASH_REMATCH[1]}" text "${2#*=}") && shift 2 ;;
    *) die "$USAGE" 'Usage: gate.sh --user NAME --action TEXT --field NAME=VALUE …' \
      '[--ttl SECONDS] [--risk normal|high]' ;;
  esac
done
need
[[ -n $APPROVER ]] || die "$USAGE" 'Nobody is asked. Give --user NAME, or set COSIGNET_USER.'
[[ -n $ACTION ]] || die "$USAGE" 'Give --action TEXT, what the approver reads first.'
((${#FIELDS[@]})) || die "$USAGE" 'Give --field NAME=VALUE: what exactly shall be approved.'
[[ $TTL =~ ^[1-9][0-9]{0,4}$ ]] || die "$USAGE" '--ttl is 1 to 86400 seconds.'
APPROVER=${APPROVER,,}

json object "${FIELDS[@]}" >"$WORK/payload" ||
  die "$USAGE" 'A field is not UTF-8; nobody could read what they sign.'
summary "Asked **$APPROVER**."
require_approval
say 'Approved, verified here, and used up by this run.'
summary "Approved by **$APPROVER**: \`$ID\`"
[[ -z ${GITHUB_OUTPUT:-} ]] || printf 'id=%s\n' "$ID" >>"$GITHUB_OUTPUT"
printf '%s\n' "$ID"
