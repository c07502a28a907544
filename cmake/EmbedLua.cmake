# cmake -DOUTPUT=embedded.c -DROOT=lua -P EmbedLua.cmake: the Lua modules below ROOT as C data.
file(GLOB_RECURSE files RELATIVE "${ROOT}" "${ROOT}/*.lua")
list(FILTER files EXCLUDE REGEX "^shmipc/(command|console)") # which are for the command line
list(SORT files)
set(arrays "")
set(entries "")
set(index 0)
foreach(file IN LISTS files)
  file(READ "${ROOT}/${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "\\.lua$" "" module "${file}")
  string(REGEX REPLACE "/init$" "" module "${module}")
  string(REPLACE "/" "." module "${module}")
  string(APPEND arrays "static const unsigned char source_${index}[] = {${bytes}};\n")
  string(APPEND entries "  {\"${module}\", \"@${file}\", (const char *)source_${index}, sizeof source_${index}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUTPUT}"
     "#include \"preload.h\"\n\n${arrays}\n"
     "const struct shmipc_embedded shmipc_embedded[] = {\n${entries}  {NULL, NULL, NULL, 0}};\n")
