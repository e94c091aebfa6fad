#!/usr/bin/env bash
# Publishes the Native AOT executables etcd, etcdctl and etcdutl.   ./publish.sh [DIR]   (default artifacts/bin)
# Needs the .NET 10 SDK and a C linker (clang, or gcc) with zlib's headers, as Native AOT does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=${1:-artifacts/bin}
mkdir -p "$out"
out=$(cd "$out" && pwd)
linker=()
command -v clang >/dev/null || linker=(-p:CppCompilerAndLinker=gcc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in etcd etcdctl etcdutl; do
  dotnet publish "src/$name/$name.csproj" -c Release --ucr -o "$work/$name" -v quiet --nologo "${linker[@]}"
  install -m 755 "$work/$name/$name" "$out/$name"
done
ls -l "$out/etcd" "$out/etcdctl" "$out/etcdutl"
