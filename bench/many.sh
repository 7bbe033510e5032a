#!/bin/sh
# As many idle connections at once as this machine has memory for: pairs of a gateway and a client,
# since a process may open only so many files. Prints what all the gateways use together, when all
# are there.
#   bench/many.sh 8 18000     8 gateways with 18,000 connections each
set -eu
PAIRS=${1:-4}
EACH=${2:-18000}
# Seconds that a pair stays when its own are there: until the others are, and a minute more.
STAY=$((120 + PAIRS * EACH / 800))
cd "$(dirname "$0")/.."

ulimit -n "$(ulimit -H -n)"
field() { awk -v name="$1" '$1 == name { sum += $2 } END { print sum + 0 }' $2; }
sockets() { awk '$1 == "TCP:" { print $3 }' /proc/net/sockstat; }
# User and system time of all gateways, in hundredths of a second.
ticks() { for pid in $gateways; do cut -d ' ' -f 14,15 "/proc/$pid/stat"; done | awk '{ sum += $1 + $2 } END { print sum }'; }
pss() { for pid in $gateways; do cat "/proc/$pid/smaps_rollup"; done | awk '$1 == "Pss:" { sum += $2 } END { print sum }'; }

slab=$(field Slab: /proc/meminfo)
before=$(sockets)
clients=
for _ in $(seq "$PAIRS"); do
	target/release/bench idle --warm-up 0 --connections "$EACH" --settle "$STAY" --out target/bench/many.jsonl >/dev/null &
	clients="$clients $!"
done

# Both ends of each connection are on this machine.
wanted=$((before + 2 * PAIRS * EACH))
while [ "$(sockets)" -lt "$wanted" ]; do
	sleep 1
	for client in $clients; do kill -0 "$client"; done
done
gateways=$(for client in $clients; do ps -o pid= --ppid "$client"; done)
count=$((PAIRS * EACH))
began=$(ticks)
sleep 25 # one ping of each
spent=$(($(ticks) - began))
echo "$count connections on $PAIRS gateways"
echo "gateways: $(($(pss) / 1024)) MiB, $(($(pss) * 1024 / count)) bytes a connection"
echo "kernel, both ends: slab $((($(field Slab: /proc/meminfo) - slab) * 1024 / count)) bytes a connection"
echo "CPU of the gateways for a ping and its pong of each, in 25 s: $((spent * 10)) ms, $((spent * 10000 / count)) us each"
# The clients would only wait for their time to be over.
kill $gateways $clients
