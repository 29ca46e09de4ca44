#!/usr/bin/env bash
# Unpacks packages of a Debian release into a folder and installs nothing:
#   debian_packages.sh RELEASE ARCHITECTURE FOLDER [--alone] PACKAGE…
# They come from the mirror that this machine's apt uses, with what they depend on or --alone; needs Debian.
set -euo pipefail
release=$1 architecture=$2 folder=$(realpath -m "$3")
shift 3
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state"/{lists/partial,archives/partial,sources} "$folder"
touch "$state/status"

# The same sources with the other release's name.
own=$(. /etc/os-release && echo "$VERSION_CODENAME")
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
	if [ -s "$file" ]; then sed "s/\b$own\b/$release/g" "$file" > "$state/sources/${file##*/}"; fi
done
if [ -e "$state/sources/sources.list" ]; then mv "$state"/sources/sources.{list,list.list}; fi

apt() {
	apt-get -qq -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::status=$state/status" \
		-o "Dir::Cache=$state" -o "Dir::Cache::archives=$state/archives" -o Dir::Etc::SourceList=/dev/null \
		-o "Dir::Etc::SourceParts=$state/sources" -o "APT::Architecture=$architecture" \
		-o "APT::Architectures::=$architecture" -o APT::Install-Recommends=false -o Acquire::Languages=none \
		-o APT::Sandbox::User=root -o Debug::NoLocking=true -o Acquire::Retries=3 "$@" >&2
}
apt update || echo "going on without the lists that could not be fetched" >&2 # while a mirror is being brought up to date
if [ "$1" = --alone ]; then
	shift
	(cd "$state/archives" && apt download "$@")
else
	apt install --yes --download-only "$@"
fi
for package in "$state"/archives/*.deb; do dpkg-deb --extract "$package" "$folder"; done
