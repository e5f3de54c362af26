#!/bin/sh
# Install Debian packages, as root, without starting a server and without making a PostgreSQL cluster:
# the servers of a checkout are its own. Whatever is put in place for that is taken away again.
set -eu

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8

policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/soukloop.conf
made=""
had=$(systemctl list-unit-files --no-legend 2>/dev/null | cut -d' ' -f1 || true)

cleanup() {
    for path in $made; do rm -f "$path"; done
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

if [ ! -e $policy ] || grep -qs 'souk loop' $policy; then
    made="$made $policy"
    printf '#!/bin/sh\n# souk loop: nothing starts while its packages are installed\nexit 101\n' >$policy
    chmod 755 $policy
fi
made="$made $cluster"
mkdir -p "${cluster%/*}"
echo 'create_main_cluster = false' >$cluster

apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends --no-upgrade "$@"

# Nor do they start by themselves with the machine, unless they were here before.
if command -v systemctl >/dev/null; then
    for unit in nginx.service redis-server.service postgresql.service prometheus.service; do
        case "$had" in
            *"$unit"*) ;;
            *) systemctl disable "$unit" >/dev/null 2>&1 || true ;;
        esac
    done
fi
