# C source without comments and without what is inside quotes, each line as "file:line:code". Include
# lines keep their file names. Lines joined with a backslash are seen one by one.
FNR == 1 { inside = 0 }
/^[ \t]*#[ \t]*include/ && !inside { print FILENAME ":" FNR ":" $0; next }
{
	rest = $0
	out = ""
	while (rest != "") {
		if (inside) {
			if (!(at = index(rest, "*/"))) break
			rest = substr(rest, at + 2)
			inside = 0
			out = out " "
			continue
		}
		if (!match(rest, /\/\*|\/\/|"|'/)) { out = out rest; break }
		out = out substr(rest, 1, RSTART - 1)
		what = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		if (what == "//") break
		if (what == "/*") { inside = 1; continue }
		out = out what what
		if (what == "\"" ? match(rest, /^([^"\\]|\\.)*"/) : match(rest, /^([^'\\]|\\.)*'/))
			rest = substr(rest, RLENGTH + 1)
		else
			break
	}
	print FILENAME ":" FNR ":" out
}
