#!/bin/bash
# Names, lines and inlined calls as addr2line and llvm-symbolizer give them, for programs of several
# compilers and for every place where debug information may be.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
SRC=$PWD/tests/cli/symbols
DIFF=$PWD/tests/cli/symbols_diff.py
SYMBOLIZE=$TOOLS/symbolize
cd "$TMP" || exit 1

have() { command -v "$1" >/dev/null 2>&1; }
# The addresses of .text, every STEPth.
all_addresses() {
	readelf -SW "$1" | sed -n 's/.*\] \.text *[A-Z]* *\([0-9a-f]*\) [0-9a-f]* \([0-9a-f]*\).*/\1 \2/p' |
		while read -r at size; do
			seq $((16#$at)) "${STEP:-1}" $((16#$at + 16#$size - 1)) | awk '{ printf "%x\n", $1 }'
		done
}
# named FILE [LIKE] [OPTION…]: what our tool says of the code of LIKE; unknown names without the file's.
named() {
	local file=$1 like=$2
	shift 2
	all_addresses "$like" | "$SYMBOLIZE" "$file" "$@" 2>"$TMP/named.err" | sed 's/unknown in .*+0x/unknown in x+0x/'
}
same_as() { # NAME WANT FILE LIKE [OPTION…]
	local name=$1 want=$2
	shift 2
	named "$@" >"$TMP/got"
	if [ -s "$want" ] && cmp -s "$want" "$TMP/got"; then ok "$name"; else
		not_ok "$name"
		diff "$want" "$TMP/got" | head -n 10 | sed 's/^/# /'
		sed 's/^/# /' "$TMP/named.err"
	fi
}

# ---- compilers ----
for cc in gcc clang; do
	for v in 4 5; do
		$cc -O2 "-gdwarf-$v" "$SRC/inlines.c" -o "c-$cc-$v" 2>/dev/null
		check "C by $cc, DWARF $v" "$DIFF" "$SYMBOLIZE" "c-$cc-$v"
	done
done
for cc in g++ clang++; do
	for v in 4 5; do
		$cc -std=c++17 -O2 "-gdwarf-$v" "$SRC/templates.cc" -o "cc-$cc-$v"
		check "C++ by $cc, DWARF $v" "$DIFF" "$SYMBOLIZE" "cc-$cc-$v"
	done
done
g++ -std=c++17 -O3 -g -flto=auto "$SRC/templates.cc" -o lto 2>/dev/null
check "C++ with link-time optimisation" "$DIFF" "$SYMBOLIZE" lto
g++ -std=c++17 -O1 -g -ffunction-sections -Wl,--gc-sections "$SRC/templates.cc" -o gc
check "code that the linker dropped names nothing" "$DIFF" "$SYMBOLIZE" gc
gcc -g "$SRC/hand.s" -o asm
check "assembly" "$DIFF" "$SYMBOLIZE" asm
if have gfortran; then
	gfortran -O1 -g "$SRC/module.f90" -o f90 2>/dev/null
	check "Fortran" "$DIFF" "$SYMBOLIZE" f90
else
	skip "Fortran" "no gfortran"
fi
if have rustc && rustc -g -C opt-level=2 "$SRC/traits.rs" -o rs 2>/dev/null; then
	check "Rust, names of the older kind" "$DIFF" "$SYMBOLIZE" rs
	rustc -g -C opt-level=0 -C symbol-mangling-version=v0 "$SRC/traits.rs" -o rs0 2>/dev/null
	check "Rust, names of the newer kind" "$DIFF" "$SYMBOLIZE" rs0
else
	skip "Rust" "no rustc"
fi
libc=$(ldd "$SYMBOLIZE" | awk '/libc\.so/ { print $3 }')
if readelf -SW /usr/lib/debug/.build-id/*/*.debug 2>/dev/null | grep -q debug_info &&
	[ -f "/usr/lib/debug/.build-id/$(readelf -nW "$libc" | sed -n 's/.*Build ID: \(..\)\(.*\)/\1\/\2/p').debug" ]; then
	check "libc by its debug package" "$DIFF" "$SYMBOLIZE" "$libc" 3000
else
	skip "libc by its debug package" "no libc6-dbg"
fi

# ---- places of debug information: the same answers from each ----
for v in 4 5; do
	plain=cc-g++-$v
	named "$plain" "$plain" >want
	for z in zlib zstd; do
		if objcopy "--compress-debug-sections=$z" "$plain" "z-$z" 2>/dev/null &&
			readelf -tW "z-$z" | grep -q COMPRESSED; then
			same_as "sections compressed by $z, DWARF $v" want "z-$z" "$plain"
		else
			skip "sections compressed by $z, DWARF $v" "objcopy cannot"
		fi
	done
	objcopy --compress-debug-sections=zlib-gnu "$plain" z-gnu
	same_as "sections named .zdebug, DWARF $v" want z-gnu "$plain"

	objcopy --only-keep-debug "$plain" apart.debug
	objcopy --strip-all --add-gnu-debuglink=apart.debug "$plain" linked
	same_as "a debug file by .gnu_debuglink, DWARF $v" want linked "$plain" debug=none
	mkdir -p .debug && mv apart.debug .debug/
	same_as "the same in .debug beside it, DWARF $v" want linked "$plain" debug=none
	id=$(readelf -nW "$plain" | sed -n 's/.*Build ID: //p')
	mkdir -p "dirs/.build-id/${id:0:2}"
	mv .debug/apart.debug "dirs/.build-id/${id:0:2}/${id:2}.debug"
	objcopy --strip-all "$plain" bare
	same_as "a debug file by build id, DWARF $v" want bare "$plain" "debug=none:$TMP/dirs"
	same_as "a debug file of a module that is gone, DWARF $v" want gone "$plain" "debug=$TMP/dirs" "id=$id"

	if have dwz; then
		cp "$plain" dz
		cp "$plain" dz2
		objcopy -R .note.gnu.build-id dz2
		if dwz -m shared.debug dz dz2 2>/dev/null && readelf -SW dz | grep -q debugaltlink; then
			same_as "debug information shared by dwz, DWARF $v" want dz "$plain"
			mv shared.debug elsewhere
			named dz "$plain" >/dev/null
			check "what dwz shared is missed by name, DWARF $v" grep -q "shared.debug, which is not there" named.err
		else
			skip "debug information shared by dwz, DWARF $v" "dwz cannot"
		fi
	else
		skip "debug information shared by dwz, DWARF $v" "no dwz"
	fi
done

for cc in g++ clang++; do
	for v in 4 5; do
		mkdir -p "split-$cc-$v"
		$cc -std=c++17 -O2 "-gdwarf-$v" "$SRC/templates.cc" -o "split-$cc-$v/plain"
		(cd "split-$cc-$v" && $cc -std=c++17 -O2 "-gdwarf-$v" -gsplit-dwarf -c "$SRC/templates.cc" -o t.o &&
			$cc t.o -o prog)
		named "split-$cc-$v/plain" "split-$cc-$v/plain" >want
		same_as "split DWARF $v by $cc" want "split-$cc-$v/prog" "split-$cc-$v/plain"
		if have llvm-dwp && llvm-dwp -e "split-$cc-$v/prog" -o "split-$cc-$v/prog.dwp" 2>/dev/null; then
			rm -f split-$cc-$v/*.dwo
			same_as "a package of split DWARF $v by $cc" want "split-$cc-$v/prog" "split-$cc-$v/plain"
			rm -f "split-$cc-$v/prog.dwp"
			named "split-$cc-$v/prog" "split-$cc-$v/plain" >got
			check "functions stay when the split part of DWARF $v by $cc is gone" grep -q "shapes::Box<int, 3>" got
			check "and what is missing is said" grep -q "split debug information is not there" named.err
		else
			skip "a package of split DWARF $v by $cc" "llvm-dwp cannot"
		fi
	done
done

# ---- symbol tables ----
named cc-g++-5 cc-g++-5 dwarf=0 >want
nm cc-g++-5 | awk '$2 ~ /[tTwWiu]/ { print $3 }' >keep
nm -D cc-g++-5 | awk '$2 ~ /[tTwW]/ { print $NF }' | sed 's/@.*//' >dynamic
grep -vxFf dynamic keep >local || true
objcopy -S --remove-section .comment --keep-symbols=local cc-g++-5 mini.tmp 2>/dev/null
objcopy --only-keep-debug mini.tmp mini.debug
xz -kf mini.debug
objcopy --strip-all --add-section .gnu_debugdata=mini.debug.xz cc-g++-5 mini
same_as "the symbols of minidebuginfo" want mini cc-g++-5 debug=none
strip -o stripped cc-g++-5
named stripped cc-g++-5 debug=none >got
check "a stripped program's code is unknown, not its neighbour's" grep -q '^\[unknown in x+0x' got
check "and no name is invented for it" awk '/shapes::/ { exit 1 }' got
plt=$(objdump -d -j .plt.sec cc-g++-5 2>/dev/null | sed -n 's/^0*\([0-9a-f]*\) <_Znwm@plt>:.*/\1/p')
plt=${plt:-$(objdump -d -j .plt cc-g++-5 | sed -n 's/^0*\([0-9a-f]*\) <_Znwm@plt>:.*/\1/p')}
check "PLT entries are named" sh -c "echo $plt | '$SYMBOLIZE' cc-g++-5 2>/dev/null | grep -qxF 'operator new(unsigned long)@plt'"
check "in a stripped program too" sh -c "echo $plt | '$SYMBOLIZE' stripped 2>/dev/null | grep -qxF 'operator new(unsigned long)@plt'"

# ---- the wrong file ----
echo 1000 | "$SYMBOLIZE" c-gcc-5 id=00112233 >got 2>err
check "another build's file names nothing" grep -q '^\[unknown in c-gcc-5+0x1000\]' got
check "and that is said" grep -q "build id differs" err
echo 1000 | "$SYMBOLIZE" nowhere >got 2>err
check "a missing file is said" grep -q "nowhere cannot be read" err

# ---- the cache ----
big=static
g++ -std=c++17 -O1 -g -static "$SRC/templates.cc" -o static
check "a static program" "$DIFF" "$SYMBOLIZE" static
id=$(readelf -nW "$big" | sed -n 's/.*Build ID: //p')
STEP=101
named "$big" "$big" >want
same_as "a first run that fills the cache" want "$big" "$big" "cache=$TMP/cache" "id=$id"
check "leaves a file of the build id" test -s "cache/sym/$id"
same_as "a second run from the cache" want "$big" "$big" "cache=$TMP/cache" "id=$id"
mv "$big" moved
same_as "the cache names a module whose file is gone" want "$big" moved "cache=$TMP/cache" "id=$id"
mv moved "$big"
printf 'x' | dd of="cache/sym/$id" bs=1 seek=200 conv=notrunc 2>/dev/null
same_as "a corrupt cache is not believed" want "$big" "$big" "cache=$TMP/cache" "id=$id"
strip -o thin "$big"
rm -r cache
named thin "$big" debug=dirs "cache=$TMP/cache" "id=$id" >poor
same_as "a stripped program leaves a cache too" poor thin "$big" debug=dirs "cache=$TMP/cache" "id=$id"
mkdir -p "dirs/.build-id/${id:0:2}"
objcopy --only-keep-debug "$big" "dirs/.build-id/${id:0:2}/${id:2}.debug"
same_as "which debug information installed later replaces" want thin "$big" debug=dirs "cache=$TMP/cache" "id=$id"

# ---- debuginfod: only when asked ----
cat >server.py <<'END'
import functools, http.server, sys
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, form, *args):
        with open(sys.argv[2], "a") as f:
            f.write(self.path + "\n")
with http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=sys.argv[1])) as s:
    print(s.server_port, flush=True)
    s.serve_forever()
END
if ldconfig -p | grep -q libdebuginfod.so.1; then
	id=$(readelf -nW cc-g++-5 | sed -n 's/.*Build ID: //p')
	mkdir -p "web/buildid/$id"
	objcopy --only-keep-debug cc-g++-5 "web/buildid/$id/debuginfo"
	: >requests
	python3 server.py web requests >port &
	server=$!
	wait_for 20 test -s port
	DEBUGINFOD_URLS="http://127.0.0.1:$(cat port)/"
	DEBUGINFOD_CACHE_PATH=$TMP/fetched
	export DEBUGINFOD_URLS DEBUGINFOD_CACHE_PATH
	STEP=7
	named stripped cc-g++-5 debug=none >/dev/null
	check "no server is asked unless the user says so" test ! -s requests
	named cc-g++-5 cc-g++-5 >want
	same_as "debug information from a debuginfod server" want stripped cc-g++-5 debug=none debuginfod=1
	check "which was asked for that build" grep -qxF "/buildid/$id/debuginfo" requests
	kill "$server"
	unset DEBUGINFOD_URLS DEBUGINFOD_CACHE_PATH
else
	skip "debug information from a debuginfod server" "no libdebuginfod"
fi

# ---- made to hurt: a million symbols over the same code, each with a name of 10 MB ----
python3 - <<'END'
import struct
text = b"\x90" * 4096
strings = b"\0" + b"y" * (10 << 20) + b"\0"
symbols = b"".join(struct.pack("<IBBHQQ", 1 + i % 1000, 0x12, 0, 1, 0x1000, 0x1000) for i in range(1000000))
names = b"\0.text\0.symtab\0.strtab\0"
parts, at, offsets = [text, symbols, strings, names], 64, []
for p in parts:
    offsets.append(at)
    at += len(p)
def section(name, kind, flags, addr, i, link=0, size=0):
    return struct.pack("<IIQQQQIIQQ", name, kind, flags, addr, offsets[i], len(parts[i]), link, 0, 1, size)
table = bytes(64) + section(1, 1, 6, 0x1000, 0) + section(7, 2, 0, 0, 1, 3, 24) + section(15, 3, 0, 0, 2) + section(1, 3, 0, 0, 3)
head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x1000, 0, at, 0, 64, 56, 0, 64, 5, 4)
open("hostile", "wb").write(head + b"".join(parts) + table)
END
seq 4096 8191 | awk '{ printf "%x\n", $1 }' >code
check "a hostile symbol table ends soon" sh -c "timeout 30 '$SYMBOLIZE' hostile <code >got 2>/dev/null"
# shellcheck disable=SC2016 # awk expands it
check "and its names are cut" awk 'length($0) > 70000 { exit 1 } END { exit NR != 3 * 4096 }' got

[ "$tap_failed" -eq 0 ]
