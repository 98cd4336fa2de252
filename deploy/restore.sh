#!/usr/bin/env bash
# Restores a backup over the live store of a node under systemd, once somebody has signed exactly
# that (docs/operate.md, "Restore"):  sudo --preserve-env=COSIGNET_API_KEY … deploy/restore.sh BACKUP
set -euo pipefail
(($# == 1)) || { echo 'Usage: restore.sh BACKUP' >&2; exit 64; }
backup=$(realpath -- "$1")
# The running server asks. Then it is stopped, and started again whatever becomes of the restore.
# shellcheck disable=SC2016 # $1 is the signed command's own argument
steps='trap "systemctl start cosignet" EXIT
systemctl stop cosignet
systemd-run --quiet --pipe --wait --uid=cosignet -p EnvironmentFile=/etc/cosignet/cosignet.env \
  -p Environment=COSIGNET_DATA_DIR=/var/lib/cosignet \
  /opt/cosignet/bin/cosignet restore "$1" --replace'
exec cosignet guard --risk high --ttl 900 --action "Restore ${backup##*/} over the live store" \
  --file "$backup" -- bash -euc "$steps" restore "$backup"
