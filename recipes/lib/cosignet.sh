# shellcheck shell=bash disable=SC2154
# What the shell recipes share: ask, wait, verify with openssl, consume, report. Source it in bash.
#
# Needs bash, curl, openssl, and python3 or jq. Reads COSIGNET_API_KEY, COSIGNET_BASE_URL and
# COSIGNET_PINS, the file of the passkeys that are believed ({"version": 1, "pins": [{"origin", "approver", "credential", "key"}]}, key in base64url).
# What `read_fields` reads begins with a_ (an answer), d_ (a decision), c_ (context), w_ (WebAuthn).
# Nothing is believed that was not verified here: `approved` is the server's word, and no more.

# How a script ends when nothing ran; cosignet guard ends alike.
readonly REJECTED=10 EXPIRED=11 CANCELLED=12 USAGE=64 UNAVAILABLE=75 EVIDENCE=76 REFUSED=77
readonly CLOCK_SECONDS_MAX=300
: "${COSIGNET_BASE_URL:=http://localhost:8000}"
COSIGNET_BASE_URL=${COSIGNET_BASE_URL%/}
REQUEST_SECONDS=10 WAIT_SECONDS=25 GRACE_SECONDS=5 AFTER_SECONDS=30 PAUSE_TENTHS_MAX=200

say() { printf '%s\n' "$*" >&2; }
summary() { :; } # what a script wants done with its last words
die() { local status=$1; shift; say "$*"; summary "$*"; exit "$status"; }
forged() { die "$EVIDENCE" "This approval is not believed: $1. Nothing was run."; }

no_log() {
  die "$USAGE" 'The scripts do not check the log. Use cosignet guard, or leave out --log-key and' \
    'COSIGNET_LOG_VKEY. Nothing was run.'
}

need() {
  local missing=()
  [[ -z ${COSIGNET_LOG_VKEY:-} ]] || no_log
  for program in curl openssl; do command -v "$program" >/dev/null || missing+=("$program"); done
  command -v python3 >/dev/null || command -v jq >/dev/null || missing+=('python3 or jq')
  ((${#missing[@]} == 0)) || die "$USAGE" "Missing: ${missing[*]}. Nothing was run."
  [[ -n ${COSIGNET_API_KEY:-} ]] || die "$USAGE" 'COSIGNET_API_KEY is not set.'
  [[ $COSIGNET_API_KEY =~ ^[!-~]+$ ]] || die "$USAGE" 'COSIGNET_API_KEY is no API key.'
  [[ $COSIGNET_BASE_URL =~ ^(https://[^/?#]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)$ ]] ||
    die "$USAGE" 'COSIGNET_BASE_URL is no https:// origin; http:// is for localhost alone.'
  WORK=$(mktemp -d) || die "$USAGE" 'No temporary folder can be made.'
  chmod 700 "$WORK"
  # A request that an interrupt left alone may make its file once more.
  trap 'rm -rf "$WORK" 2>/dev/null || rm -rf "$WORK"' EXIT
}

# --- JSON, by python3 or jq -----------------------------------------------------------------------

PYTHON_JSON='
import json, shlex, sys
def no_twins(pairs):
    if len(dict(pairs)) != len(pairs): raise ValueError("a key twice")
    return dict(pairs)
def load(path): return json.load(open(path, encoding="utf-8"), object_pairs_hook=no_twins)
def dump(value): return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
def same(a, b): return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
def at(value, path):
    for key in filter(None, path.split(".")): value = value.get(key) if isinstance(value, dict) else None
    return value
def out(text): sys.stdout.buffer.write(text.encode())
what, *rest = sys.argv[1:]
try:
    if what == "object":
        members = {}
        for key, kind, value in zip(*[iter(rest)] * 3):
            members[key] = load(value) if kind == "file" else json.loads(value) if kind == "json" else value
        out(dump(members))
    elif what == "list": out(dump(rest))
    elif what == "fields":
        value = load(rest[0])
        if not isinstance(value, dict): sys.exit(2)
        for path in rest[2:]:
            found = at(value, path)
            text = "" if found is None else found if isinstance(found, str) else dump(found)
            out(rest[1] + path.replace(".", "_") + "=" + shlex.quote(text) + "\n")
    elif what == "same":
        asked, text, answer = map(load, rest)
        sys.exit(not (same(text, asked) and same(at(answer, "payload"), asked)))
    elif what == "canonical":
        text = open(rest[0], encoding="utf-8").read()
        sys.exit(dump(json.loads(text)) != text or list(json.loads(text)) != rest[1].split())
    elif what == "pins":
        for pin in load(rest[0])["pins"]:
            if (pin.get("origin"), pin.get("approver")) == (rest[1], rest[2]): print(pin["key"])
    elif what == "pin":
        pins = load(rest[0])
        pins["pins"].append(load(rest[1]))
        out(json.dumps(pins, indent=1) + "\n")
except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError): sys.exit(2)
'

if command -v python3 >/dev/null && [[ -z ${COSIGNET_JSON_BY_JQ:-} ]]; then
  json() { python3 -I -S -X utf8 -c "$PYTHON_JSON" "$@"; }
else
  json() { local what=$1; shift; "jq_$what" "$@"; }
fi

# read_fields FILE PREFIX PATH …: each becomes a variable; '' if it is not there.
read_fields() {
  local lines
  lines=$(json fields "$@") && eval "$lines"
}

jq_texts() { # an argument that is no UTF-8 would be shown as something else
  [[ $(jq -nj '$ARGS.positional[]' --args -- "$@"; printf x) == "$(printf '%s' "$@" x)" ]]
}
jq_object() { # KEY KIND VALUE …
  local members=()
  while (($#)); do
    if [[ $2 == file ]]; then members+=("$1" json "$(cat "$3")"); else members+=("${@:1:3}"); fi
    shift 3
  done
  jq_texts "${members[@]}" || return 2
  jq -cjn '$ARGS.positional | [range(0; length; 3) as $at | .[$at:$at + 3]
    | {(.[0]): (if .[1] == "json" then .[2] | fromjson else .[2] end)}] | add' \
    --args -- "${members[@]}" 2>/dev/null || return 2
}
jq_list() {
  jq_texts "$@" || return 2
  jq -cjn '$ARGS.positional' --args -- "$@"
}
jq_fields() {
  local file=$1 prefix=$2
  shift 2
  jq -r --arg prefix "$prefix" 'if type == "object" then . else error("no object") end | . as $value
    | $ARGS.positional[] | . as $path | ($value | getpath($path | split(".")))
    | (if . == null then "" elif type == "string" then . else tojson end)
    | $prefix + ($path | gsub("\\."; "_")) + "=" + @sh' "$file" --args "$@" 2>/dev/null || return 2
}
jq_same() { # ASKED TEXT ANSWER
  jq -en --slurpfile asked "$1" --slurpfile text "$2" --slurpfile answer "$3" \
    '$text == $asked and [$answer[0].payload] == $asked' >/dev/null 2>&1
}
jq_canonical() {
  [[ $(jq -cj . "$1" 2>/dev/null; printf x) == "$(cat "$1"; printf x)" ]] &&
    [[ $(jq -r 'keys_unsorted | join(" ")' "$1") == "$2" ]]
}
jq_pins() {
  jq -er --arg origin "$2" --arg approver "$3" \
    '[.pins[] | select(.origin == $origin and .approver == $approver) | .key] | join("\n")' \
    "$1" 2>/dev/null || return 2
}
jq_pin() { jq --slurpfile pin "$2" '.pins += $pin' "$1"; }

# --- HTTP -----------------------------------------------------------------------------------------

now_tenths() { local now=${EPOCHREALTIME/,/.}; printf '%s' "$((${now%.*} * 10 + 10#${now:11:1}))"; }

# once METHOD PATH SECONDS [BODY-FILE [IDEMPOTENCY-KEY]]: one attempt; $WORK/answer and STATUS.
once() {
  local options=(--silent --show-error --max-time "$3" --connect-timeout "$3" --request "$1"
    --proto '=http,https' --max-filesize 1048576 --output "$WORK/answer" --write-out '%{http_code}\n')
  [[ -z ${4:-} ]] || options+=(--data-binary "@$4" --header 'content-type: application/json')
  [[ -z ${5:-} ]] || options+=(--header "Idempotency-Key: $5")
  local told=$WORK/status.$BASHPID # a request that an interrupt left alone still writes to its own
  : >"$WORK/answer"
  # The key goes through a pipe: arguments are seen by everybody on this machine.
  if printf 'header = "X-Api-Key: %s"\n' "${COSIGNET_API_KEY//[\"\\]/}" |
    curl --config - "${options[@]}" "$COSIGNET_BASE_URL$2" >"$told" 2>"$WORK/trouble"; then
    read -r STATUS <"$told"
  else STATUS=000; fi
}

STATE=(id url matchCode status payloadHash consumedAt cancelledAt)
PROBLEM=(code title detail)

# ask_until DEADLINE CHECK METHOD PATH SECONDS …: until CHECK likes the answer; full jitter.
ask_until() {
  local deadline=$1 check=$2 bound=5 failures=0 pause
  shift 2
  while kill -0 "$$" 2>/dev/null; do # for a script that was killed nobody goes on asking
    once "$@"
    case $STATUS in
      2??) ! read_fields "$WORK/answer" a_ "${STATE[@]}" || ! "$check" || return 0 ;;
      408 | 425 | 429) ;;
      4??)
        read_fields "$WORK/answer" a_ "${PROBLEM[@]}" || a_code='' a_title='' a_detail=''
        [[ $a_code == idempotency_in_progress ]] || return 0
        ;;
    esac
    failures=$((failures + 1))
    pause=$((RANDOM % bound + 1))
    bound=$((bound * 2 > PAUSE_TENTHS_MAX ? PAUSE_TENTHS_MAX : bound * 2))
    say "unavailable ($failures in a row): HTTP $STATUS $(head -c 200 "$WORK/trouble" | tr -cd ' -~')"
    (($(now_tenths) + pause < deadline)) ||
      die "$UNAVAILABLE" 'Cosignet is unavailable. Nothing was run.'
    sleep "$((pause / 10)).$((pause % 10))" >/dev/null 2>&1
  done
  exit "$UNAVAILABLE"
}
plain() { local LC_ALL=C; printf '%s' "${1//[^ -~]/}"; }
refused() { die "$REFUSED" "$(plain "$a_title $a_detail ($a_code $STATUS)"). Nothing was run."; }

# --- Bytes ----------------------------------------------------------------------------------------

# Each program that is not started is a program less to wait for: the shell replaces by itself.
sha256() { local read; read=$(openssl dgst -sha256 -r) && printf '%s' "${read:0:64}"; } # stdin, in hex
bytes() { # of hex
  local at escaped=
  for ((at = 0; at < ${#1}; at += 2)); do escaped+="\\x${1:at:2}"; done
  printf '%b' "$escaped"
}
hex() { local read; read=$(od -An -v -tx1) && printf '%s' "${read//[$' \n']/}"; }
base64url() {
  local read
  read=$(openssl base64 -A) && read=${read//+/-} && read=${read//\//_} && printf '%s' "${read//=/}"
}
is_base64url() { # in its one spelling: no padding, and the bits that are left over are zeros
  local LC_ALL=C
  [[ -n $1 && $1 != *[!A-Za-z0-9_-]* ]] || return 1
  case $((${#1} % 4))${1: -1} in 0? | 2[AQgw] | 3[AEIMQUYcgkosw048]) ;; *) return 1 ;; esac
}
unbase64url() { # TEXT FILE
  local plain
  is_base64url "$1" || return 1
  plain=${1//-/+} plain=${plain//_/\/}
  case $((${#1} % 4)) in 2) plain+='==' ;; 3) plain+='=' ;; esac
  openssl base64 -d -A >"$2" <<<"$plain"
}

# --- Verifying ------------------------------------------------------------------------------------

CONTEXT_KEYS='v purpose confirmation org action approver approverId requester requesterKeyId rpId'
CONTEXT_KEYS+=' origin createdAt expiresAt quorum policy risk reveal salt'

must() { [[ $2 == "$3" ]] || forged "$1"; }

# verify_decision: $WORK/answer against ID, ACTION, APPROVER, TTL, RISK, ASKED_AT, $WORK/payload.
verify_decision() {
  local origin=$COSIGNET_BASE_URL host hashed flags
  host=${origin#*://} host=${host%%:*}
  read_fields "$WORK/answer" d_ id status payloadText payloadHash context consumedAt credentialId \
    credential.id credential.algorithm credential.publicKeySpki rawAssertion.id rawAssertion.rawId \
    rawAssertion.response.clientDataJSON rawAssertion.response.authenticatorData \
    rawAssertion.response.signature || forged 'it cannot be read'
  must 'it is of another confirmation' "$d_status $d_id" "approved $ID"
  # 1. The payload: its text is what is hashed, and says what was asked.
  printf '%s' "$d_payloadText" >"$WORK/text"
  hashed=$(sha256 <"$WORK/text")
  must 'the server took another payload' "$ASKED_HASH" "$hashed"
  must 'its payload hash is another' "$d_payloadHash" "$hashed"
  json same "$WORK/payload" "$WORK/text" "$WORK/answer" ||
    forged 'its payload, or the one beside it, is not the one asked for'
  # 2. The context: canonical, and what was asked.
  printf '%s' "$d_context" >"$WORK/context"
  json canonical "$WORK/context" "$CONTEXT_KEYS" || forged 'its context is not canonical'
  verify_context "$origin" "$host"
  # 3. What the browser was asked to sign, and where.
  take clientDataJSON client "$d_rawAssertion_response_clientDataJSON"
  take authenticatorData data "$d_rawAssertion_response_authenticatorData"
  take signature signature "$d_rawAssertion_response_signature"
  read_fields "$WORK/client" w_ type challenge origin crossOrigin topOrigin ||
    forged 'its client data is not JSON'
  must 'another ceremony was signed' "$w_type" webauthn.get
  must 'something else was signed' "$w_challenge" "$(challenge "$hashed")"
  must 'it was signed on another site' "$w_origin" "$origin"
  [[ $w_crossOrigin/$w_topOrigin == / || $w_crossOrigin/$w_topOrigin == false/ ]] ||
    forged 'it was signed within another page'
  # 4. The passkey: of this site; the person present and verified.
  must 'it is the passkey of another site' \
    "$(head -c 32 "$WORK/data" | hex)" "$(printf '%s' "$host" | sha256)"
  flags=$(tail -c +33 "$WORK/data" | head -c 1 | hex)
  flags=$((16#${flags:-0}))
  (((flags & 0x05) == 0x05)) || forged 'nobody was there, or nobody was verified'
  (((flags & 0x62) == 0 && (flags & 0x18) != 0x10)) || forged 'its flags mean nothing here'
  ((flags & 0x80)) || must 'it is not as long as it says' "$(($(wc -c <"$WORK/data")))" 37
  # 5. The key: known before, and the signature is its own.
  is_base64url "$d_credential_id" || forged 'its passkey has no id'
  must 'it names several passkeys' "$d_rawAssertion_id $d_rawAssertion_rawId $d_credentialId" \
    "$d_credential_id $d_credential_id $d_credential_id"
  verify_key "$origin" "$d_credential_publicKeySpki"
  openssl dgst -sha256 -binary "$WORK/client" | cat "$WORK/data" - >"$WORK/signed"
  verify_signature "$d_credential_publicKeySpki" "$d_credential_algorithm"
  believe_first_use
  [[ -z $d_consumedAt ]] || forged 'it was used before'
}

take() { # MEMBER FILE TEXT
  unbase64url "$3" "$WORK/$2" || forged "its $1 is malformed or missing"
}

verify_context() { # ORIGIN HOST
  # shellcheck disable=SC2086 # the keys are words
  read_fields "$WORK/context" c_ $CONTEXT_KEYS || forged 'its context cannot be read'
  must 'its context names something else' \
    "$c_v|$c_purpose|$c_confirmation|$c_approver|$c_origin|$c_rpId|$c_quorum|$c_reveal" \
    "1|approve|$ID|$APPROVER|$1|$2|1|false"
  must 'its title is another' "$c_action" "$ACTION"
  case $RISK/$c_risk in
    normal/normal | normal/high | normal/critical | high/high | high/critical) ;;
    *) forged 'it was shown as of less risk' ;;
  esac
  local created ends
  created=$(seconds "$c_createdAt")
  ends=$(seconds "$c_expiresAt")
  must 'it has another deadline' "$((ends - created))" "$TTL"
  ((created - ASKED_AT <= CLOCK_SECONDS_MAX && ASKED_AT - created <= CLOCK_SECONDS_MAX)) ||
    forged 'it is an old one, or a clock is wrong: set yours and the server'"'"'s'
}

seconds() { # of an RFC 3339 time in UTC; days from the civil date, as Howard Hinnant counts them
  [[ $1 =~ ^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{3}Z$ ]] ||
    forged 'a time in it is none'
  local y=$((10#${BASH_REMATCH[1]})) m=$((10#${BASH_REMATCH[2]})) d=$((10#${BASH_REMATCH[3]}))
  local clock=$((10#${BASH_REMATCH[4]} * 3600 + 10#${BASH_REMATCH[5]} * 60 + 10#${BASH_REMATCH[6]}))
  ((m > 2)) || y=$((y - 1))
  local day=$((365 * y + y / 4 - y / 100 + y / 400 + (153 * ((m + 9) % 12) + 2) / 5 + d - 719469))
  printf '%s' "$((day * 86400 + clock))"
}

challenge() { # the 48 bytes, as the browser spells them
  local nonce
  nonce=$({ printf 'cosignet/context/v1\n'; cat "$WORK/context"; } | sha256)
  bytes "${nonce:0:32}$1" | base64url
}

verify_key() { # ORIGIN KEY
  local pins=${COSIGNET_PINS:-${XDG_CONFIG_HOME:-${HOME:-.}/.config}/cosignet/pins.json} known
  if [[ -e $pins ]]; then
    known=$(json pins "$pins" "$1" "$APPROVER") || die "$USAGE" "$pins is no file of pins."
  fi
  if [[ -n ${known:-} ]]; then
    grep -qxF -e "$2" <<<"$known" || forged "its passkey is not among those of $APPROVER in $pins"
  elif [[ ${CI:-false} != false && ${CI:-0} != 0 ]]; then
    forged "no passkey of $APPROVER is known here; name a file of them in COSIGNET_PINS"
  else
    FIRST_USE=$pins FIRST_ORIGIN=$1 FIRST_KEY=$2
  fi
}

believe_first_use() { # once the signature is verified
  [[ -n ${FIRST_USE:-} ]] || return 0
  say "FIRST USE: from now on this passkey of $APPROVER is believed, and no other. Compare it with" \
    "the approver's own list: $d_credential_id. It is kept in $FIRST_USE."
  (
    umask 077
    mkdir -p "$(dirname "$FIRST_USE")"
    [[ -e $FIRST_USE ]] || printf '{"version": 1, "pins": []}\n' >"$FIRST_USE"
    json object origin text "$FIRST_ORIGIN" approver text "$APPROVER" credential text \
      "$d_credential_id" key text "$FIRST_KEY" >"$WORK/pin"
    json pin "$FIRST_USE" "$WORK/pin" >"$FIRST_USE.new" && mv "$FIRST_USE.new" "$FIRST_USE"
  ) || die "$USAGE" "$FIRST_USE cannot be written. Nothing was run."
}

verify_digest() {
  openssl dgst -sha256 -verify "$WORK/key" -signature "$WORK/signature" "$WORK/signed"
}

verify_signature() { # KEY ALGORITHM: $WORK/signature is its own, over $WORK/signed
  unbase64url "$1" "$WORK/spki" || forged 'its key is malformed'
  openssl pkey -pubin -inform DER -in "$WORK/spki" -out "$WORK/key" 2>/dev/null ||
    forged 'its key is none'
  openssl pkey -pubin -in "$WORK/key" -outform DER 2>/dev/null | cmp -s - "$WORK/spki" ||
    forged 'its key has another spelling'
  case $2/$1 in
    -7/MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE*) verify_digest ;;
    # openssl reads as many bytes of it as the key has; what follows would go unseen.
    -257/MIIB?jANBgkqhkiG9w0BAQEFAAOCA* | -257/MIIC?jANBgkqhkiG9w0BAQEFAAOCA*)
      (($(wc -c <"$WORK/signature") == $(wc -c <"$WORK/spki") - 38)) && verify_digest ;;
    -8/MCowBQYDK2VwAyEA*)
      openssl pkeyutl -verify -pubin -inkey "$WORK/key" -rawin -in "$WORK/signed" \
        -sigfile "$WORK/signature" ;;
    *) forged 'its key is of another kind' ;;
  esac >/dev/null 2>&1 || forged 'the signature is not that key'"'"'s'
}

# --- The way through ------------------------------------------------------------------------------

names_one() { [[ -n $a_id ]]; }
is_ours() {
  [[ $a_id == "$ID" && $a_status =~ ^(pending|approved|rejected|expired)$ ]]
}
was_consumed() { [[ $a_id == "$ID" && -n $a_consumedAt ]]; }
anything() { :; }

# require_approval: $WORK/payload, APPROVER, ACTION, TTL, RISK → ID, once it may run; else it ends.
require_approval() {
  local earlier=${!-} status=0
  # While a program runs in front, bash hears no signal, and one that meets it in the midst of a
  # substitution may be lost or break its parser. So a job asks, and bash waits for nothing else.
  trap cancel INT TERM HUP
  obtain_approval &
  wait "$!" || status=$?
  ((status < 128)) || cancel # somebody ended the job
  trap - INT TERM HUP
  ((status == 0)) || exit "$status"
  read -r ID <"$WORK/id"
}

obtain_approval() {
  local once
  once=$(openssl rand -hex 16)
  json object username text "$APPROVER" action text "$ACTION" ttlSeconds json "$TTL" \
    risk text "$RISK" payload file "$WORK/payload" >"$WORK/request" ||
    die "$USAGE" 'The request cannot be written as JSON; is every text UTF-8?'
  printf -v ASKED_AT '%(%s)T' -1
  DEADLINE=$(($(now_tenths) + 10 * (TTL + GRACE_SECONDS)))
  ask_until "$DEADLINE" names_one POST /api/confirmations "$REQUEST_SECONDS" "$WORK/request" "$once"
  [[ $STATUS == 2* ]] || refused
  ID=$a_id ASKED_HASH=$a_payloadHash
  [[ $ID =~ ^[0-9A-Za-z-]+$ ]] || die "$UNAVAILABLE" 'The server named no confirmation.'
  printf '{}' >"$WORK/empty"
  printf '%s\n' "$ID" >"$WORK/id"
  say "Waiting for $APPROVER to decide: $(plain "$a_url")"
  [[ -z $a_matchCode ]] || say "Match code: $(plain "$a_matchCode")"
  wait_for_decision
  case $a_status in
    approved) verify_decision && consume ;;
    rejected) die "$REJECTED" 'Rejected. Nothing was run.' ;;
    pending)
      once POST "/api/confirmations/$ID/cancel" 3 "$WORK/empty"
      die "$EXPIRED" 'Nobody decided in time. Nothing was run.'
      ;;
    *) [[ -z $a_cancelledAt ]] || die "$CANCELLED" 'Cancelled. Nothing was run.'
      die "$EXPIRED" 'Nobody decided in time. Nothing was run.' ;;
  esac
}

wait_for_decision() {
  local left wait
  while :; do
    left=$(((DEADLINE - $(now_tenths)) / 10))
    wait=$((left < 0 ? 0 : left < WAIT_SECONDS ? left : WAIT_SECONDS))
    ask_until "$DEADLINE" is_ours GET "/api/confirmations/$ID?wait=$wait" "$((wait + REQUEST_SECONDS))"
    [[ $STATUS == 2* ]] || refused
    [[ $a_status == pending && $left -gt 0 ]] || return 0
  done
}

cancel() { # once: a second signal would end the taking back
  trap '' INT TERM HUP
  [[ ${!-} == "$earlier" ]] || { kill -KILL "$!"; wait "$!"; } 2>/dev/null || :
  read -r ID 2>/dev/null <"$WORK/id" ||
    die 130 'Interrupted. Nothing was run. What was on its way to the server ends by itself.'
  once POST "/api/confirmations/$ID/cancel" 3 "$WORK/empty"
  local asked="Whether what was asked is taken back is not known (HTTP $STATUS); undecided, it expires."
  case $STATUS in
    2??) asked='What was asked is taken back.' ;;
    409) asked='What was asked had been decided already, or was over.' ;;
  esac
  die 130 "Interrupted. Nothing was run. $asked"
}

consume() {
  printf '{"token": "%s"}' "$(openssl rand -hex 16)" >"$WORK/token"
  ask_until "$(($(now_tenths) + 10 * AFTER_SECONDS))" was_consumed \
    POST "/api/confirmations/$ID/consume" "$REQUEST_SECONDS" "$WORK/token"
  [[ $STATUS == 2* ]] && return
  [[ $a_code != already_consumed ]] || forged 'it was used before'
  refused
}

report() { # RESULT NOTE, of plain words; the action has run: nothing of this ends the script
  printf '{"result": "%s", "note": "%s"}' "$1" "$2" >"$WORK/outcome"
  (ask_until "$(($(now_tenths) + 10 * AFTER_SECONDS))" anything \
    POST "/api/confirmations/$ID/outcome" "$REQUEST_SECONDS" "$WORK/outcome") ||
    say "The outcome was not recorded."
}
