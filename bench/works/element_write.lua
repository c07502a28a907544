return {
  place = 2,
  is_detail = true,
  title = "Typed write of one element",
  program = "element",
  definition = [[
The integer `i` is written to one of 1,024 elements, at the index `(i & 1023) + 1` (or `i & 1023`, or the byte offset
of that), or to a field. It is in named shared memory, unless the label says otherwise. The sum of all elements is
checked at the end, outside the time.]],
  contenders = {
    { peer = "shmipc", task = "array_write", label = "`array[i] = v`" },
    { peer = "shmipc", task = "view_write", label = "`view:write_i32(offset, v)`" },
    { peer = "shmipc", task = "record_write", label = "`record.count = v`" },
    { peer = "lua", task = "table_write", label = "`table[i] = v` (not shared)" },
    { peer = "lua", task = "field_write", label = "`table.count = v` (not shared)" },
    { peer = "luajit", task = "write", label = "`int32_t *`" },
    { peer = "python", task = "memoryview_write", label = '`memoryview.cast("i")[i] = v`' },
    { peer = "python", task = "struct_write", label = "`struct.pack_into`" },
    { peer = "c", task = "write", label = "`volatile int32_t *`" },
  },
  targets = {},
}
