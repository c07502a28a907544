# Sourced by the commands in scripts/: what a machine needs, where Lua finds it, and how to get what is missing.
# The variable `root` is the tree's root.
# shellcheck shell=bash disable=SC2034,SC2154

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Packages are Debian's names. What counts is that the thing itself is there, however it came to the machine.
build_packages=(gcc libc6-dev make cmake lua5.4 liblua5.4-dev)
demo_packages=("${build_packages[@]}" lua-argparse)
test_packages=("${demo_packages[@]}" lua-busted luarocks lua-cjson tmux python3)
windows_packages=("${build_packages[@]}" gcc-mingw-w64-x86-64 dpkg-dev)
wine_packages=(wine64 wine)
bench_packages=(g++ libboost-dev luajit python3 lua-socket lua-redis redis-server)
model_packages=(gcc libc6-dev spin)
lint_packages=(clang clang-format clang-tidy cppcheck shellcheck lua-check lua-ldoc)

# Debian's busted is packed for Lua 5.1 to 5.3; its modules are plain Lua and run under 5.4 as well.
distribution_modules="/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua"
distribution_modules+=";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.3/?/init.lua"
distribution_modules+=";/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua"

# use_build FOLDER: Lua loads the working tree's modules and the native core of that build.
use_build() {
  export LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;$root/spec/?.lua;$distribution_modules;;"
  export LUA_CPATH="$root/$1/lib/?.so;;"
  unset LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT LUA_INIT_5_4
}

is_here() {
  case $1 in
  lua-argparse) lua5.4 -e 'require "argparse"' ;;
  lua-busted) LUA_PATH="$distribution_modules;;" lua5.4 -e 'require "busted.runner"' ;;
  lua-cjson) lua5.4 -e 'require "cjson"' ;;
  lua-socket) lua5.4 -e 'require "socket.unix"' ;;
  lua-redis) LUA_PATH="$distribution_modules;;" lua5.4 -e 'require "redis"' ;;
  lua-check) command -v luacheck ;;
  gcc-mingw-w64-x86-64) command -v x86_64-w64-mingw32-gcc ;;
  dpkg-dev) command -v dpkg-source ;;
  wine64) [[ -x /usr/lib/wine/wine64 ]] || command -v wine64 ;;
  lua-ldoc) command -v ldoc ;;
  libc6-dev) echo '#include <linux/futex.h>' | gcc -fsyntax-only -xc - ;;
  liblua5.4-dev) [[ -e /usr/include/lua5.4/lua.h || -e /usr/local/include/lua.h || -e /usr/include/lua.h ]] ;;
  libboost-dev) echo '#include <boost/version.hpp>' | g++ -fsyntax-only -xc++ - ;;
  *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

missing_of() {
  missing=()
  local package
  for package; do is_here "$package" || missing+=("$package"); done
}

is_debian() {
  local ID='' ID_LIKE=''
  # shellcheck disable=SC1091
  [[ ! -r /etc/os-release ]] || . /etc/os-release
  [[ " $ID $ID_LIKE " == *\ debian\ * ]] && command -v apt-get >/dev/null
}

# need PACKAGE…: installs those that are missing, or ends the script with their names.
need() {
  missing_of "$@"
  ((${#missing[@]})) || return 0
  is_debian || die "missing: ${missing[*]} (as Debian names them); this system is not one where I can install them"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "missing: ${missing[*]}; installing them needs root or sudo"
    # Without a terminal nobody can type a password.
    if [[ -t 0 ]]; then as_root=(sudo); else as_root=(sudo -n); fi
    "${as_root[@]}" true || die "missing: ${missing[*]}; installing them needs root, and sudo refuses"
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
  say "Installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! {
    "${apt[@]}" update || say "The package lists could not be refreshed: trying those that are here."
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
  } </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: ${missing[*]}"
  fi
  rm -f "$log"
  hash -r
  missing_of "$@"
  ((${#missing[@]} == 0)) || die "installed, yet still not usable: ${missing[*]}"
}

# quietly COMMAND…: shows its output only when it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  ((status == 0)) || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# build_preset NAME: configures and builds; quiet unless it fails.
build_preset() { quietly cmake --preset "$1" && quietly cmake --build --preset "$1" --parallel "$(nproc)"; }

# build_project SOURCE FOLDER: the same for a project that has no presets.
build_project() { quietly cmake -S "$1" -B "$2" && quietly cmake --build "$2" --parallel "$(nproc)"; }
