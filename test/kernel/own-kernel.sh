#!/usr/bin/env bash
# Builds user-mode Linux with what Debian's lacks of IPsec (own-kernel.config says what), from Debian's package of the
# source, and prints where it is. It is built once for each source and configuration; whoever comes meanwhile waits.
# Ends with 3, and says why, where there is nothing to build from or with.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=/usr/src/linux-source-6.1.tar.xz

if [ ! -e "$source" ]; then
  echo "there is no source of a kernel: install the package linux-source-6.1" >&2
  exit 3
fi
for program in make gcc flex bison bc xz flock; do
  command -v "$program" >/dev/null && continue
  echo "there is no $program to build a kernel with" >&2
  exit 3
done

# What the configuration asks for and does not get is a defect of it.
BUILD='
  make -s ARCH=um KCONFIG_ALLCONFIG="$1" allnoconfig
  lacking=$(grep "^CONFIG_.*=y$" "$1" | grep -vxFf .config || true)
  [ -z "$lacking" ] || { echo "not to be had: $lacking"; exit 1; }
  make -s ARCH=um -j"$(nproc)" linux
'

version=$(dpkg-query -W -f '${Version}' linux-source-6.1)
key=$(cat <(echo "$version") <(gcc -dumpfullversion) "$here/own-kernel.config" "$0" | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cygnet-kernel
kernel=$cache/linux-$key
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -x "$kernel" ]; then
  # Those of whoever was killed: nobody else builds now.
  rm -rf "$cache"/build.*
  place=$(mktemp -d "$cache/build.XXXXXX")
  trap 'rm -rf "$place"' EXIT
  tar -xf "$source" -C "$place" --strip-components=1
  cd "$place"
  if ! bash -euo pipefail -c "$BUILD" "$0" "$here/own-kernel.config" >"$cache/log" 2>&1 9>&-; then
    tail -n 50 "$cache/log" >&2
    exit 1
  fi
  mv linux "$kernel"
  # Other checkouts may be of other ages; what is older than that is of no use to anybody.
  (cd "$cache" && ls -t linux-* | tail -n +5 | xargs -r rm -f)
fi
echo "$kernel"
