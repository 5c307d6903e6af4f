#!/bin/sh
# pvc-lease-hook: libvirt calls this as /etc/libvirt/hooks/qemu NAME OPERATION SUBOPERATION EXTRA.
# No domain is prepared, started, restored or taken in by migration without a valid lease of this node.
# Everything else passes, above all `reconnect`: a restart of libvirtd must not end a guest.
# Shell built-ins only: it runs on the way of every start and migration.
case "$2" in
  prepare | start | migrate | restore) ;;
  *) exit 0 ;;
esac
LEASE=/run/pvc/lease
refuse() {
  echo "pvc: refusing '$OPERATION' of domain $NAME: $1" >&2
  exit 1
}
NAME=$1 OPERATION=$2 deadline='' owner='' boot='' up=''
[ -r "$LEASE" ] || refuse "this node has no lease ($LEASE is absent)"
read -r deadline owner _ < "$LEASE"
read -r boot < /proc/sys/kernel/random/boot_id
read -r up _ < /proc/uptime
case "$deadline" in
  '' | *[!0-9]* | ????????????????*) refuse "the lease in $LEASE cannot be read" ;;
esac
[ "$owner" = "$boot" ] || refuse 'the lease is of an earlier boot'
# Seconds with two decimals become milliseconds; `test` compares in decimal, leading zeros or not.
now="${up%%.*}${up##*.}0"
[ "$now" -lt "$deadline" ] || refuse "the lease of this node ended (deadline $deadline ms, now $now ms)"
exit 0
