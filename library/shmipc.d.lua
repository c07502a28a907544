---@meta shmipc
-- luacheck: ignore

-- Definitions for the Lua language server: named shared memory between processes.
-- What the environment refuses is returned as nil, message, code [, native error number]; misuse raises.

---The stable name of a failure.
---@alias shmipc.code
---| "EXISTS" # the name is taken
---| "NOT_FOUND" # there is no object with this name
---| "ACCESS_DENIED" # access is denied
---| "INVALID_NAME" # the name is not valid
---| "TOO_SMALL" # the memory that exists is too small
---| "NO_SPACE" # there is not enough space
---| "TIMEOUT" # the time ran out
---| "WRONG_KIND" # the name belongs to an object of another kind
---| "CORRUPT" # another program has destroyed the object's bytes
---| "CLOSED" # the other side has shut down
---| "LIMIT" # a limit was reached
---| "NOT_SUPPORTED" # this system does not support it
---| "SYSTEM" # the operating system refused

---Named shared memory between processes.
---@class shmipc
---@field _VERSION string the version
---@field platform "linux"|"windows" the system
local shmipc = {}

---Sleeps. Ctrl-C ends it.
---@param seconds number 0 or more, fractions allowed; math.huge sleeps for ever
function shmipc.sleep(seconds) end

---Reads a monotonic clock, the same for all processes of the machine.
---@return number seconds since some moment
function shmipc.clock() end

---Gives the process's id.
---@return integer
function shmipc.pid() end

---A process, as far as it may be seen.
---@class shmipc.process_info
---@field pid? integer
---@field command? string its name
---@field command_line? string

---Who holds a lock.
---@class shmipc.owner_info: shmipc.process_info
---@field thread? integer
---@field since? number for how many seconds, to some milliseconds

---What is known of a named object.
---@class shmipc.info
---@field name string
---@field kind? "mapping"|"mutex"|"event"|"semaphore"|"channel" absent: it may not be seen
---@field size integer bytes
---@field mode? integer permission bits (Linux)
---@field uid? integer of its owner (Linux)
---@field age? number seconds
---@field foreign boolean made by another program
---@field persistent boolean
---@field leftover boolean held by nobody any more
---@field corrupt boolean its bytes are not those of its kind
---@field unsupported boolean made by another version
---@field unlinked boolean its name was taken away
---@field file boolean a file on disk
---@field holders? shmipc.process_info[] (Linux)
---@field holders_complete? boolean false: there are others, who may not be seen
---@field handles? integer how many there are in all processes (Windows)
---@field waiting? boolean whether anybody seems to wait (Linux)
---@field locked? boolean of a mutex
---@field abandoned? boolean of a mutex: its last owner died or gave it up, and nobody has locked it since
---@field owner? shmipc.owner_info of a mutex that is locked
---@field set? boolean of an event
---@field manual? boolean of an event
---@field count? integer of a semaphore
---@field maximum? integer of a semaphore
---@field sent? integer of a channel: messages since it was created
---@field received? integer of a channel
---@field depth? integer of a channel: messages in it
---@field bytes? integer of a channel: how many of the capacity are in use
---@field capacity? integer of a channel
---@field largest? integer of a channel: bytes of the longest message
---@field shutdown? boolean of a channel
---@field senders_waiting? boolean of a channel
---@field receivers_waiting? boolean of a channel

---@class shmipc.list_options
---@field holders? boolean false: without them, which is quicker

---Lists the named objects that can be seen, in no order. It takes no lock, and nobody becomes a holder by it.
---@param options? shmipc.list_options
---@return shmipc.info[]? objects
---@return string? message
---@return shmipc.code? code ACCESS_DENIED, NOT_SUPPORTED, SYSTEM, …
---@return integer? native the system's error number
function shmipc.list(options) end

---Removes what killed processes left behind under a name.
---@param name string
---@return true? done
---@return string? message
---@return shmipc.code? code NOT_FOUND, EXISTS (it is held, or none of ours), ACCESS_DENIED; on Windows NOT_SUPPORTED
---@return integer? native the system's error number
function shmipc.gc(name) end

---Mappings: memory that has a name, or a file on disk.
---@class shmipc.mapping_functions
shmipc.mapping = {}

---@class shmipc.mapping.open_options
---@field access? "rw"|"r" default: "rw"

---@class shmipc.mapping.create_options: shmipc.mapping.open_options
---@field mode? integer permission bits on Linux, exact whatever the umask; default: tonumber("600", 8)
---@field persistent? boolean true: it has no owner, and stays until unlink

---@class shmipc.mapping.file_options: shmipc.mapping.open_options
---@field size? integer in bytes, from 1: creates the file, or grows it when it is smaller
---@field mode? integer permission bits of a new file; default: tonumber("600", 8)

---Creates named memory, which reads as zeros.
---@param name string UTF-8, at most 200 bytes, without `/`, `\` and NUL; `Local\` or `Global\` may stand in front
---@param size integer in bytes, from 1
---@param options? shmipc.mapping.create_options
---@return shmipc.mapping? mapping
---@return string? message
---@return shmipc.code? code EXISTS, WRONG_KIND, INVALID_NAME, NO_SPACE, ACCESS_DENIED, LIMIT, TIMEOUT, …
---@return integer? native the system's error number
function shmipc.mapping.create(name, size, options) end

---Opens named memory that exists, whoever made it.
---@param name string as for create
---@param options? shmipc.mapping.open_options
---@return shmipc.mapping? mapping
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, INVALID_NAME, TOO_SMALL (it has no bytes), …
---@return integer? native the system's error number
function shmipc.mapping.open(name, options) end

---Opens named memory, or creates it when there is none. `mapping:created()` tells which.
---@param name string as for create
---@param size integer in bytes, from 1; what exists may be larger
---@param options? shmipc.mapping.create_options
---@return shmipc.mapping? mapping
---@return string? message
---@return shmipc.code? code TOO_SMALL if the one that exists is smaller, and those of create and open
---@return integer? native the system's error number
function shmipc.mapping.open_or_create(name, size, options) end

---Looks into named memory without holding it (on Windows it holds while it is open), for reading only.
---@param name string as for create
---@return shmipc.mapping? mapping
---@return string? message
---@return shmipc.code? code NOT_FOUND, ACCESS_DENIED, WRONG_KIND, INVALID_NAME, TOO_SMALL (it has no bytes), …
---@return integer? native the system's error number
function shmipc.mapping.peek(name) end

---Maps a file on disk, which is never removed.
---@param path string UTF-8
---@param options? shmipc.mapping.file_options
---@return shmipc.mapping? mapping
---@return string? message
---@return shmipc.code? code NOT_FOUND, ACCESS_DENIED, WRONG_KIND (a directory), NO_SPACE, TOO_SMALL (empty), …
---@return integer? native the system's error number
function shmipc.mapping.file(path, options) end

---Takes a name away now, a foreign or persistent object's too. Who holds the memory keeps it.
---@param name string as for create
---@return true? done
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, INVALID_NAME; on Windows NOT_SUPPORTED
---@return integer? native the system's error number
function shmipc.mapping.unlink(name) end

---Mutexes: recursive locks with a name, owned by a thread of a process.
---@class shmipc.mutex_functions
shmipc.mutex = {}

---@class shmipc.mutex.create_options
---@field owned? boolean true: the caller holds it from the start
---@field mode? integer permission bits on Linux, exact whatever the umask; default: tonumber("600", 8)

---Creates a mutex.
---@param name string as for shmipc.mapping.create
---@param options? shmipc.mutex.create_options
---@return shmipc.mutex? mutex
---@return string? message
---@return shmipc.code? code EXISTS, WRONG_KIND, INVALID_NAME, NO_SPACE, ACCESS_DENIED, LIMIT, TIMEOUT, …
---@return integer? native the system's error number
function shmipc.mutex.create(name, options) end

---Opens a mutex that exists.
---@param name string as for shmipc.mapping.create
---@return shmipc.mutex? mutex
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED, …
---@return integer? native the system's error number
function shmipc.mutex.open(name) end

---Opens a mutex, or creates it when there is none. `mutex:created()` tells which.
---@param name string as for shmipc.mapping.create
---@param options? shmipc.mutex.create_options they say nothing when it existed
---@return shmipc.mutex? mutex
---@return string? message
---@return shmipc.code? code those of create and open
---@return integer? native the system's error number
function shmipc.mutex.open_or_create(name, options) end

---Takes a mutex's name away now. Who holds it keeps it.
---@param name string as for shmipc.mapping.create
---@return true? done
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, INVALID_NAME; on Windows NOT_SUPPORTED
---@return integer? native the system's error number
function shmipc.mutex.unlink(name) end

---Events: one process tells, others wait for it.
---@class shmipc.event_functions
shmipc.event = {}

---@class shmipc.event.create_options
---@field manual? boolean true: once set it lets everybody go on, until it is reset
---@field set? boolean true: it is set from the start
---@field mode? integer permission bits on Linux, exact whatever the umask; default: tonumber("600", 8)

---Creates an event.
---@param name string as for shmipc.mapping.create
---@param options? shmipc.event.create_options
---@return shmipc.event? event
---@return string? message
---@return shmipc.code? code EXISTS, WRONG_KIND, INVALID_NAME, NO_SPACE, ACCESS_DENIED, LIMIT, TIMEOUT, …
---@return integer? native the system's error number
function shmipc.event.create(name, options) end

---Opens an event that exists.
---@param name string as for shmipc.mapping.create
---@return shmipc.event? event
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED, …
---@return integer? native the system's error number
function shmipc.event.open(name) end

---Opens an event, or creates it when there is none. `event:created()` tells which.
---@param name string as for shmipc.mapping.create
---@param options? shmipc.event.create_options they say nothing when it existed
---@return shmipc.event? event
---@return string? message
---@return shmipc.code? code those of create and open
---@return integer? native the system's error number
function shmipc.event.open_or_create(name, options) end

---Takes an event's name away now. Who holds it keeps it.
---@param name string as for shmipc.mapping.create
---@return true? done
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, INVALID_NAME; on Windows NOT_SUPPORTED
---@return integer? native the system's error number
function shmipc.event.unlink(name) end

---Semaphores: a count of what there is, and who finds it 0 waits.
---@class shmipc.semaphore_functions
shmipc.semaphore = {}

---@class shmipc.semaphore.create_options
---@field mode? integer permission bits on Linux, exact whatever the umask; default: tonumber("600", 8)

---Creates a semaphore.
---@param name string as for shmipc.mapping.create
---@param initial integer the count at first, 0 to maximum
---@param maximum? integer of the count, 1 to 2^31-1; default: 2^31-1
---@param options? shmipc.semaphore.create_options
---@return shmipc.semaphore? semaphore
---@return string? message
---@return shmipc.code? code EXISTS, WRONG_KIND, INVALID_NAME, NO_SPACE, ACCESS_DENIED, LIMIT, TIMEOUT, …
---@return integer? native the system's error number
function shmipc.semaphore.create(name, initial, maximum, options) end

---Opens a semaphore that exists.
---@param name string as for shmipc.mapping.create
---@return shmipc.semaphore? semaphore
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED, …
---@return integer? native the system's error number
function shmipc.semaphore.open(name) end

---Opens a semaphore, or creates it when there is none. `semaphore:created()` tells which.
---@param name string as for shmipc.mapping.create
---@param initial integer as for create; the numbers say nothing when it existed
---@param maximum? integer as for create
---@param options? shmipc.semaphore.create_options
---@return shmipc.semaphore? semaphore
---@return string? message
---@return shmipc.code? code those of create and open
---@return integer? native the system's error number
function shmipc.semaphore.open_or_create(name, initial, maximum, options) end

---Takes a semaphore's name away now. Who holds it keeps it.
---@param name string as for shmipc.mapping.create
---@return true? done
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, INVALID_NAME; on Windows NOT_SUPPORTED
---@return integer? native the system's error number
function shmipc.semaphore.unlink(name) end

---Channels: a bounded queue of messages between processes, with any number of senders and receivers. A message is a
---string of 0 bytes up to half the capacity less 16 bytes; with a codec any value, with a layout a struct.
---@class shmipc.channel_functions
shmipc.channel = {}

---@class shmipc.codec a module such as lua-cjson
---@field encode fun(value: any): string
---@field decode fun(message: string): any never nil

---@class shmipc.channel.open_options
---@field codec? shmipc.codec messages are what its encode takes and its decode gives
---@field layout? shmipc.layout messages are structs: records or tables are sent, tables received

---@class shmipc.channel.create_options: shmipc.channel.open_options
---@field capacity? integer bytes for the messages that wait, and 8 more for each, rounded up to a power of two, 4096 to 2^30; default: 2^20
---@field mode? integer permission bits on Linux, exact whatever the umask; default: tonumber("600", 8)

---Creates a channel. Its name lives as long as any process holds it; messages that nobody has received go with it.
---@param name string as for shmipc.mapping.create
---@param options? shmipc.channel.create_options
---@return shmipc.channel? channel
---@return string? message
---@return shmipc.code? code EXISTS, WRONG_KIND, INVALID_NAME, NO_SPACE, ACCESS_DENIED, LIMIT, TIMEOUT, …
---@return integer? native the system's error number
function shmipc.channel.create(name, options) end

---Opens a channel that exists.
---@param name string as for shmipc.mapping.create
---@param options? shmipc.channel.open_options
---@return shmipc.channel? channel
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED, …
---@return integer? native the system's error number
function shmipc.channel.open(name, options) end

---Opens a channel, or creates it when there is none. `channel:created()` tells which.
---@param name string as for shmipc.mapping.create
---@param options? shmipc.channel.create_options the capacity and the mode say nothing when it existed
---@return shmipc.channel? channel
---@return string? message
---@return shmipc.code? code those of create and open
---@return integer? native the system's error number
function shmipc.channel.open_or_create(name, options) end

---Takes a channel's name away now. Who holds it keeps it.
---@param name string as for shmipc.mapping.create
---@return true? done
---@return string? message
---@return shmipc.code? code NOT_FOUND, WRONG_KIND, ACCESS_DENIED, INVALID_NAME; on Windows NOT_SUPPORTED
---@return integer? native the system's error number
function shmipc.channel.unlink(name) end

---@class shmipc.layout_options
---@field pack? 1|2|4|8|16 as `#pragma pack` in front

---Reads a C declaration: what stands where in a struct, as this system's C compiler puts it. What it does not know raises,
---with line and column.
---@param c_declaration string the members of a struct, or declarations as a header has them: the last struct counts
---@param options? shmipc.layout_options
---@return shmipc.layout_object
function shmipc.layout(c_declaration, options) end

---Functions on records.
---@class shmipc.record_functions
shmipc.record = {}

---Reads the whole struct at once: one copy of its bytes, turned into tables.
---@param record shmipc.record_object
---@return table values by field; lists for arrays, tables for structs
function shmipc.record.snapshot(record) end

---Writes the fields that a table gives: all of them, or none if one does not fit.
---@param record shmipc.record_object
---@param values table|shmipc.record_object by field, or a record of the same layout
function shmipc.record.assign(record, values) end

---Atomic operations on an element of an array or a field of a record, sequentially consistent between all processes.
---@class shmipc.atomic_functions
shmipc.atomic = {}

---Reads. Works through a read-only view, too.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@return number|boolean value
function shmipc.atomic.load(target, key) end

---Writes.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param value number|boolean must fit
function shmipc.atomic.store(target, key, value) end

---Writes, and gives what stood there before.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param value number|boolean must fit
---@return number|boolean before
function shmipc.atomic.exchange(target, key, value) end

---Writes `desired` if `expected` stands there. Not for floating-point numbers.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param expected integer|boolean must fit
---@param desired integer|boolean must fit
---@return boolean done
---@return integer|boolean|nil actual when it was not: what stands there
function shmipc.atomic.compare_exchange(target, key, expected, desired) end

---Adds, and gives what stood there before; the sum wraps.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param value integer of the element's width, signed or not
---@return integer before
function shmipc.atomic.fetch_add(target, key, value) end

---Subtracts, and gives what stood there before; the difference wraps.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param value integer of the element's width, signed or not
---@return integer before
function shmipc.atomic.fetch_sub(target, key, value) end

---Keeps the bits that stand in `value`, too, and gives what stood there before.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param value integer of the element's width, signed or not
---@return integer before
function shmipc.atomic.fetch_and(target, key, value) end

---Sets the bits of `value`, and gives what stood there before.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param value integer of the element's width, signed or not
---@return integer before
function shmipc.atomic.fetch_or(target, key, value) end

---Turns the bits of `value` over, and gives what stood there before.
---@param target shmipc.array|shmipc.record_object
---@param key integer|string an index from 1, or a field's name
---@param value integer of the element's width, signed or not
---@return integer before
function shmipc.atomic.fetch_xor(target, key, value) end

---A mapping: the object as this process holds it. Byte offsets count from 0.
---@class shmipc.mapping
local mapping = {}

---Cuts a view: the bytes from offset on, as this process sees them. A view holds the object as the mapping does.
---@param offset? integer in bytes from 0; default: 0
---@param length? integer in bytes, from 1; default: to the end
---@param access? "rw"|"r"|"cow" cow: what is written stays in this view; default: the mapping's
---@return shmipc.view? view
---@return string? message
---@return shmipc.code? code NO_SPACE (of addresses), …
---@return integer? native the system's error number
function mapping:view(offset, length, access) end

---Gives the name or path, as it was given.
---@return string
function mapping:name() end

---Gives the size that the creator asked for.
---@return integer bytes
function mapping:size() end

---Tells whether the call that gave this handle made the object.
---@return boolean
function mapping:created() end

---Tells what can be known of the object from outside: what `shmipc.list` tells of it.
---@return shmipc.info? info
---@return string? message
---@return shmipc.code? code SYSTEM, …
---@return integer? native the system's error number
function mapping:info() end

---Tells how it was opened.
---@return "rw"|"r"
function mapping:access() end

---Lets go of the mapping; its views stay usable. A second call does nothing.
---@return true
function mapping:close() end

---A view: bytes of a mapping, as this process sees them. Offsets are bytes from 0; numbers are in native byte order.
---@class shmipc.view
---@operator len: integer
local view = {}

---Reads a signed 8-bit integer.
---@param offset integer in bytes from 0
---@return integer
function view:read_i8(offset) end

---Reads an unsigned 8-bit integer.
---@param offset integer in bytes from 0
---@return integer
function view:read_u8(offset) end

---Reads a signed 16-bit integer.
---@param offset integer in bytes from 0
---@return integer
function view:read_i16(offset) end

---Reads an unsigned 16-bit integer.
---@param offset integer in bytes from 0
---@return integer
function view:read_u16(offset) end

---Reads a signed 32-bit integer.
---@param offset integer in bytes from 0
---@return integer
function view:read_i32(offset) end

---Reads an unsigned 32-bit integer.
---@param offset integer in bytes from 0
---@return integer
function view:read_u32(offset) end

---Reads a signed 64-bit integer.
---@param offset integer in bytes from 0
---@return integer
function view:read_i64(offset) end

---Reads an unsigned 64-bit integer; above 2^63-1: the Lua integer with the same bits.
---@param offset integer in bytes from 0
---@return integer
function view:read_u64(offset) end

---Reads a 32-bit floating-point number.
---@param offset integer in bytes from 0
---@return number
function view:read_f32(offset) end

---Reads a 64-bit floating-point number.
---@param offset integer in bytes from 0
---@return number
function view:read_f64(offset) end

---Writes a signed 8-bit integer.
---@param offset integer in bytes from 0
---@param value integer -128 to 127
function view:write_i8(offset, value) end

---Writes an unsigned 8-bit integer.
---@param offset integer in bytes from 0
---@param value integer 0 to 255
function view:write_u8(offset, value) end

---Writes a signed 16-bit integer.
---@param offset integer in bytes from 0
---@param value integer -32768 to 32767
function view:write_i16(offset, value) end

---Writes an unsigned 16-bit integer.
---@param offset integer in bytes from 0
---@param value integer 0 to 65535
function view:write_u16(offset, value) end

---Writes a signed 32-bit integer.
---@param offset integer in bytes from 0
---@param value integer -2^31 to 2^31-1
function view:write_i32(offset, value) end

---Writes an unsigned 32-bit integer.
---@param offset integer in bytes from 0
---@param value integer 0 to 2^32-1
function view:write_u32(offset, value) end

---Writes a signed 64-bit integer.
---@param offset integer in bytes from 0
---@param value integer any
function view:write_i64(offset, value) end

---Writes an unsigned 64-bit integer.
---@param offset integer in bytes from 0
---@param value integer any, taken by its bits: -1 is 2^64-1
function view:write_u64(offset, value) end

---Writes a 32-bit floating-point number.
---@param offset integer in bytes from 0
---@param value number rounded to the nearest; a finite one that overflows raises
function view:write_f32(offset, value) end

---Writes a 64-bit floating-point number.
---@param offset integer in bytes from 0
---@param value number any
function view:write_f64(offset, value) end

---Reads bytes.
---@param offset integer in bytes from 0
---@param length integer in bytes
---@return string
function view:read(offset, length) end

---Writes bytes.
---@param offset integer in bytes from 0
---@param string string must fit
function view:write(offset, string) end

---Reads a text up to its NUL, or up to the limit.
---@param offset integer in bytes from 0
---@param limit? integer in bytes; default: to the end of the view
---@return string text without the NUL
function view:read_cstring(offset, limit) end

---Writes a text and a NUL after it.
---@param offset integer in bytes from 0
---@param string string without a NUL; must fit with one
---@param limit integer in bytes, the NUL included
function view:write_cstring(offset, string, limit) end

---Writes values as string.pack lays them out. Alignment (`!`) counts from offset.
---@param offset integer in bytes from 0
---@param format string of string.pack
---@param ... string|number the values
---@return integer next the offset after the last byte written
function view:pack(offset, format, ...) end

---Reads values as string.unpack does, and gives the offset after the last byte read behind them.
---@param offset integer in bytes from 0
---@param format string of string.unpack
---@return any ...
function view:unpack(offset, format) end

---Sets bytes to one value.
---@param byte? integer 0 to 255; default: 0
---@param offset? integer in bytes from 0; default: 0
---@param length? integer in bytes; default: to the end
function view:fill(byte, offset, length) end

---Copies bytes from a view, this one or another; the two places may overlap.
---@param to integer offset in this view, in bytes from 0
---@param source shmipc.view
---@param from integer offset in the source, in bytes from 0
---@param length integer in bytes
function view:copy(to, source, from, length) end

---Returns when the bytes are where the mapping keeps them: on disk, if it is a file there.
---@param offset? integer in bytes from 0; default: 0
---@param length? integer in bytes; default: to the end
---@return true? done
---@return string? message
---@return shmipc.code? code SYSTEM, …
---@return integer? native the system's error number
function view:flush(offset, length) end

---@alias shmipc.element "i8"|"u8"|"i16"|"u16"|"i32"|"u32"|"i64"|"u64"|"f32"|"f64"|"bool"

---Gives a window on elements of one type.
---@param type shmipc.element
---@param offset? integer of the first element, in bytes from 0; default: 0
---@param count? integer of elements; default: as many as fit
---@return shmipc.array
function view:array(type, offset, count) end

---Gives a window on a C struct.
---@param layout shmipc.layout_object from shmipc.layout
---@param offset? integer of the struct, in bytes from 0; default: 0
---@return shmipc.record_object
function view:record(layout, offset) end

---Gives a window on C structs, one behind another.
---@param layout shmipc.layout_object from shmipc.layout
---@param offset? integer of the first struct, in bytes from 0; default: 0
---@param count? integer of structs; default: as many as fit
---@return shmipc.array
function view:records(layout, offset, count) end

---Gives the length in bytes; `#view` is the same.
---@return integer
function view:size() end

---Tells how it was cut.
---@return "rw"|"r"|"cow"
function view:access() end

---Lets go of the bytes. A second call does nothing.
---@return true
function view:close() end

---A mutex: the lock as this process holds it. It is recursive, and owned by a thread of a process.
---@class shmipc.mutex
local mutex = {}

---Locks. Whoever dies while holding the lock, or closes its handle, gives it up: the next one is told "abandoned".
---@param timeout? number seconds; 0 tries once; default: no limit
---@return shmipc.guard? guard unlocks when its scope ends
---@return "abandoned"|string? message "abandoned", or what went wrong
---@return shmipc.code? code TIMEOUT, CORRUPT
---@return integer? native the system's error number
function mutex:lock(timeout) end

---Takes one level off. Raises when the calling thread does not hold the lock.
---@return true? done
---@return string? message
---@return shmipc.code? code CORRUPT
---@return integer? native the system's error number
function mutex:unlock() end

---Tells whether the lock that this handle holds was got "abandoned".
---@return boolean
function mutex:abandoned() end

---Calls a function while holding the lock, which is given back however the function ends.
---@param timeout? number seconds; 0 tries once; default: no limit
---@param f fun(...): ...
---@param ... any its arguments
---@return any ... what the function returns; or nil, message, code (TIMEOUT, CORRUPT) when the lock was not got
---@overload fun(self: shmipc.mutex, f: (fun(...): ...), ...): ...
function mutex:with(timeout, f, ...) end

---Gives the name, as it was given.
---@return string
function mutex:name() end

---Tells whether the call that gave this handle made the object.
---@return boolean
function mutex:created() end

---Tells what can be known of the object from outside: what `shmipc.list` tells of it.
---@return shmipc.info? info
---@return string? message
---@return shmipc.code? code SYSTEM, …
---@return integer? native the system's error number
function mutex:info() end

---Lets go of the mutex; levels locked through this handle are given up ("abandoned"). A second call does nothing.
---@return true
function mutex:close() end

---An array: elements of one type in a view. Indices count from 1: `a[i]` reads (nil outside), `a[i] = v` writes.
---@class shmipc.array
---@operator len: integer
---@field [integer] any
local array = {}

---Reads many elements at once.
---@param i? integer the first, from 1; default: 1
---@param j? integer the last; default: the array's last
---@return table values from index 1 on
function array:get(i, j) end

---Writes many elements at once: all of them, or none if one does not fit.
---@param i integer where the first goes, from 1
---@param values table|shmipc.array a list that fits behind i
function array:set(i, values) end

---Writes one value to many elements.
---@param value any as for a[i] = value
---@param i? integer the first, from 1; default: 1
---@param j? integer the last; default: the array's last
function array:fill(value, i, j) end

---A record: a C struct in a view. `r.field` reads, `r.field = v` writes; `pairs(r)` goes through the fields in order.
---@class shmipc.record_object
---@field [string] any

---A layout: what stands where in a C struct.
---@class shmipc.layout_object
---@field size integer of the struct, in bytes
---@field align integer of the struct, in bytes
local layout = {}

---Tells where a field begins.
---@param field string its name; "position.x" is one in a struct inside
---@return integer bytes from 0
function layout:offset(field) end

---@class shmipc.layout_field
---@field name string
---@field offset integer bytes from 0
---@field size integer bytes
---@field type string as C says it: "float[3]"
---@field layout? shmipc.layout_object of a struct

---Lists the fields, in their order.
---@return shmipc.layout_field[]
function layout:fields() end

---An event, as this process holds it.
---@class shmipc.event
local event = {}

---Sets the event: one waiter goes on, or all of them when it is manual.
---@return true? done
---@return string? message
---@return shmipc.code? code CORRUPT
---@return integer? native the system's error number
function event:set() end

---Makes the event one that is not set. Waiters that a set has let go before go on all the same.
---@return true? done
---@return string? message
---@return shmipc.code? code CORRUPT
---@return integer? native the system's error number
function event:reset() end

---Waits until the event is set.
---@param timeout? number seconds; 0 tries once; default: no limit
---@return true? done
---@return string? message
---@return shmipc.code? code TIMEOUT, CORRUPT
---@return integer? native the system's error number
function event:wait(timeout) end

---Gives the name, as it was given.
---@return string
function event:name() end

---Tells whether the call that gave this handle made the object.
---@return boolean
function event:created() end

---Tells what can be known of the object from outside: what `shmipc.list` tells of it.
---@return shmipc.info? info
---@return string? message
---@return shmipc.code? code SYSTEM, …
---@return integer? native the system's error number
function event:info() end

---Lets go of the event. A second call does nothing.
---@return true
function event:close() end

---A semaphore, as this process holds it.
---@class shmipc.semaphore
local semaphore = {}

---Takes 1 from the count; waits while it is 0.
---@param timeout? number seconds; 0 tries once; default: no limit
---@return true? done
---@return string? message
---@return shmipc.code? code TIMEOUT, CORRUPT
---@return integer? native the system's error number
function semaphore:acquire(timeout) end

---Adds to the count, and lets as many waiters go on.
---@param n? integer how much, 1 to 2^31-1; default: 1
---@return integer? before the count as it was
---@return string? message
---@return shmipc.code? code LIMIT (more than the maximum: nothing was added), CORRUPT
---@return integer? native the system's error number
function semaphore:release(n) end

---Gives the name, as it was given.
---@return string
function semaphore:name() end

---Tells whether the call that gave this handle made the object.
---@return boolean
function semaphore:created() end

---Tells what can be known of the object from outside: what `shmipc.list` tells of it.
---@return shmipc.info? info
---@return string? message
---@return shmipc.code? code SYSTEM, …
---@return integer? native the system's error number
function semaphore:info() end

---Lets go of the semaphore; its count stays as it is. A second call does nothing.
---@return true
function semaphore:close() end

---What is in a channel at about this moment.
---@class shmipc.channel.stats
---@field sent integer messages since it was created
---@field received integer messages since it was created
---@field depth integer messages in it
---@field bytes integer how many of the capacity are in use
---@field capacity integer bytes
---@field largest integer bytes of the longest message
---@field shutdown boolean
---@field senders_waiting boolean whether any sleeps; for one that was killed, true remains for a while
---@field receivers_waiting boolean likewise

---A channel, as this process holds it.
---@class shmipc.channel
local channel = {}

---Sends a message. Waits while there is no space for it.
---@param message any a string; any value with a codec; a record or a table with a layout
---@param timeout? number seconds; 0 tries once; default: no limit
---@return true? done
---@return string? message
---@return shmipc.code? code TIMEOUT, CLOSED, CORRUPT, LIMIT
---@return integer? native the system's error number
function channel:send(message, timeout) end

---Sends many messages in their order. Up to 128 at a time become visible to receivers at once, as far as there is space;
---then it waits.
---@param messages any[] a list of what send takes
---@param timeout? number seconds, for all of them; 0 tries once; default: no limit
---@return integer? count how many were sent: all, or fewer with the message and the code that tell why; nil: none
---@return string? message
---@return shmipc.code? code TIMEOUT, CLOSED, CORRUPT, LIMIT
---@return integer? native the system's error number
function channel:send_many(messages, timeout) end

---Receives a message. Waits while there is none. With a layout, one of another size than the struct's is left where it
---is: WRONG_KIND.
---@param timeout? number seconds; 0 tries once; default: no limit
---@param record? shmipc.record of the channel's layout: it is filled, and returned
---@return any received a string; any value with a codec; a table of the fields with a layout; or nil
---@return string? message
---@return shmipc.code? code TIMEOUT, CLOSED (shut down, and nothing is left), CORRUPT, WRONG_KIND
---@return integer? native the system's error number
function channel:receive(timeout, record) end

---Receives many messages at once: those that are there, at most max. Waits while there is none.
---@param max integer 1 or more
---@param timeout? number seconds; 0 tries once; default: no limit
---@return any[]? list of what receive gives, 1 to max
---@return string? message
---@return shmipc.code? code as for receive
---@return integer? native the system's error number
function channel:receive_many(max, timeout) end

---Gives what a `for` loop needs to receive messages until the channel is shut down and drained. It raises when it cannot
---go on for another reason.
---@return fun(channel: shmipc.channel): any next
---@return shmipc.channel channel
function channel:messages() end

---Ends the channel, for everybody and for good: sending is CLOSED; receivers get what is in it, and then CLOSED. Whoever
---waits wakes up.
---@param timeout? number seconds; default: no limit
---@return true? done
---@return string? message
---@return shmipc.code? code TIMEOUT, CORRUPT, LIMIT
---@return integer? native the system's error number
function channel:shutdown(timeout) end

---Tells what is in the channel. Takes no lock.
---@return shmipc.channel.stats? stats
---@return string? message
---@return shmipc.code? code CORRUPT
---@return integer? native the system's error number
function channel:stats() end

---Gives the name, as it was given.
---@return string
function channel:name() end

---Tells whether the call that gave this handle made the object.
---@return boolean
function channel:created() end

---Tells what can be known of the object from outside: what `shmipc.list` tells of it.
---@return shmipc.info? info
---@return string? message
---@return shmipc.code? code SYSTEM, …
---@return integer? native the system's error number
function channel:info() end

---Lets go of the channel; it goes on for the others. A second call does nothing.
---@return true
function channel:close() end

---A guard: one level of a locked mutex, taken off when its scope ends (`local guard <close> = …`). It has no finaliser.
---@class shmipc.guard
local guard = {}

---Takes the level off. A second call does nothing.
---@return true? done
---@return string? message
---@return shmipc.code? code CORRUPT
---@return integer? native the system's error number
function guard:close() end

return shmipc
