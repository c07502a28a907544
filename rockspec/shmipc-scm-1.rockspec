rockspec_format = "3.0"
package = "shmipc"
version = "scm-1"

-- In a working tree: luarocks make rockspec/shmipc-scm-1.rockspec
source = { url = "git+file://." }

description = {
  summary = "Named shared memory between processes",
  detailed = [[
    Mappings, views, robust mutexes and typed reads and writes over named shared memory. Scripts share it with each
    other and with programs in other languages; names live as long as somebody holds them, a killed peer included.]],
  license = "MIT",
  labels = { "ipc", "shared-memory", "mutex" },
}

supported_platforms = { "linux", "windows" }

dependencies = { "lua >= 5.4" }

-- All but the one platform file.
local function sources_with(platform_file)
  return {
    "csrc/binding/arguments.c",
    "csrc/binding/array.c",
    "csrc/binding/atomic.c",
    "csrc/binding/channel.c",
    "csrc/binding/event.c",
    "csrc/binding/guard.c",
    "csrc/binding/handle.c",
    "csrc/binding/layout.c",
    "csrc/binding/look.c",
    "csrc/binding/mapping.c",
    "csrc/binding/module.c",
    "csrc/binding/mutex.c",
    "csrc/binding/native.c",
    "csrc/binding/record.c",
    "csrc/binding/semaphore.c",
    "csrc/binding/value.c",
    "csrc/binding/view.c",
    "csrc/binding/wait.c",
    "csrc/core/atomic.c",
    "csrc/core/channel.c",
    "csrc/core/event.c",
    "csrc/core/layout.c",
    "csrc/core/mapping.c",
    "csrc/core/mutex.c",
    "csrc/core/name.c",
    "csrc/core/semaphore.c",
    "csrc/core/text.c",
    platform_file,
  }
end

build = {
  type = "builtin",
  modules = {
    ["shmipc"] = "lua/shmipc/init.lua",
    ["shmipc.command"] = "lua/shmipc/command.lua",
    ["shmipc.command.completion"] = "lua/shmipc/command/completion.lua",
    ["shmipc.command.doctor"] = "lua/shmipc/command/doctor.lua",
    ["shmipc.command.dump"] = "lua/shmipc/command/dump.lua",
    ["shmipc.command.gc"] = "lua/shmipc/command/gc.lua",
    ["shmipc.command.get"] = "lua/shmipc/command/get.lua",
    ["shmipc.command.ls"] = "lua/shmipc/command/ls.lua",
    ["shmipc.command.new"] = "lua/shmipc/command/new.lua",
    ["shmipc.command.rm"] = "lua/shmipc/command/rm.lua",
    ["shmipc.command.run"] = "lua/shmipc/command/run.lua",
    ["shmipc.command.set"] = "lua/shmipc/command/set.lua",
    ["shmipc.command.stat"] = "lua/shmipc/command/stat.lua",
    ["shmipc.command.top"] = "lua/shmipc/command/top.lua",
    ["shmipc.command.watch"] = "lua/shmipc/command/watch.lua",
    ["shmipc.console.fields"] = "lua/shmipc/console/fields.lua",
    ["shmipc.console.json"] = "lua/shmipc/console/json.lua",
    ["shmipc.console.objects"] = "lua/shmipc/console/objects.lua",
    ["shmipc.console.screen"] = "lua/shmipc/console/screen.lua",
    ["shmipc.console.series"] = "lua/shmipc/console/series.lua",
    ["shmipc.console.style"] = "lua/shmipc/console/style.lua",
    ["shmipc.console.text"] = "lua/shmipc/console/text.lua",
    ["shmipc.console.values"] = "lua/shmipc/console/values.lua",
    ["shmipc.declaration"] = "lua/shmipc/declaration.lua",
    ["shmipc.declaration.attributes"] = "lua/shmipc/declaration/attributes.lua",
    ["shmipc.declaration.constant"] = "lua/shmipc/declaration/constant.lua",
    ["shmipc.declaration.cursor"] = "lua/shmipc/declaration/cursor.lua",
    ["shmipc.declaration.declarators"] = "lua/shmipc/declaration/declarators.lua",
    ["shmipc.declaration.diagnostic"] = "lua/shmipc/declaration/diagnostic.lua",
    ["shmipc.declaration.integer"] = "lua/shmipc/declaration/integer.lua",
    ["shmipc.declaration.lexer"] = "lua/shmipc/declaration/lexer.lua",
    ["shmipc.declaration.literal"] = "lua/shmipc/declaration/literal.lua",
    ["shmipc.declaration.names"] = "lua/shmipc/declaration/names.lua",
    ["shmipc.declaration.parser"] = "lua/shmipc/declaration/parser.lua",
    ["shmipc.declaration.placement"] = "lua/shmipc/declaration/placement.lua",
    ["shmipc.declaration.preprocessor"] = "lua/shmipc/declaration/preprocessor.lua",
    ["shmipc.declaration.scope"] = "lua/shmipc/declaration/scope.lua",
    ["shmipc.declaration.specifiers"] = "lua/shmipc/declaration/specifiers.lua",
    ["shmipc.declaration.tagged"] = "lua/shmipc/declaration/tagged.lua",
    ["shmipc.declaration.types"] = "lua/shmipc/declaration/types.lua",
    ["shmipc.layout"] = "lua/shmipc/layout.lua",
    ["shmipc.nearest"] = "lua/shmipc/nearest.lua",
    ["shmipc.record"] = "lua/shmipc/record.lua",
  },
  platforms = {
    linux = {
      modules = {
        ["shmipc.core"] = { sources = sources_with "csrc/os/linux.c", libraries = { "pthread", "dl" } },
      },
    },
    -- MSVC and MinGW
    windows = {
      modules = {
        ["shmipc.core"] = {
          sources = sources_with "csrc/os/windows.c",
          libraries = { "advapi32" },
          defines = { "SHMIPC_API=__declspec(dllexport)" },
        },
      },
    },
  },
  install = { bin = { shmipc = "bin/shmipc" } },
  copy_directories = { "docs", "examples" },
}
