return {
  place = 1,
  title = "Typed read of one element",
  program = "element",
  definition = [[
An integer of 32 bits is read from 1,024 of them, at the index `(i & 1023) + 1` (or `i & 1023`, or the byte offset of
that), and added to a sum. A record's or table's field is one named `count` in a struct of six. It is in named shared
memory, unless the label says otherwise. The sum is checked. The loop, the sum and the index are part of every figure:
the empty loops show how much.]],
  contenders = {
    { peer = "shmipc", task = "array_read", label = "`array[i]`" },
    { peer = "shmipc", task = "view_read", label = "`view:read_i32(offset)`" },
    { peer = "shmipc", task = "record_read", label = "`record.count`" },
    { peer = "lua", task = "empty_loop", label = "an empty loop", is_detail = true },
    { peer = "lua", task = "table_read", label = "`table[i]` (not shared)" },
    { peer = "lua", task = "field_read", label = "`table.count` (not shared)", is_detail = true },
    { peer = "lua", task = "unpack", label = '`string.unpack("<i4", s, i)` (not shared)' },
    { peer = "lua_c", task = "unchecked_read", label = "a C function for `[i]` that checks nothing" },
    { peer = "luajit", task = "read", label = "`int32_t *`" },
    { peer = "python", task = "empty_loop", label = "an empty loop", is_detail = true },
    { peer = "python", task = "memoryview_read", label = '`memoryview.cast("i")[i]`' },
    { peer = "python", task = "struct_read", label = "`struct.unpack_from`", is_detail = true },
    { peer = "c", task = "read", label = "`volatile int32_t *`" },
  },
  targets = {
    { ours = "shmipc/array_read", other = "lua/table_read", at_most = 2.7 },
    { ours = "shmipc/array_read", other = "python/memoryview_read", at_least = 3 },
    { ours = "shmipc/view_read", other = "lua/table_read", at_most = 4.5 },
    { ours = "shmipc/record_read", other = "lua/table_read", at_most = 4.5 },
  },
}
