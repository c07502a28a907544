-- shmipc completion

local command = require "shmipc.command"

local function options(parser)
  parser:argument("shell", "For which shell."):choices { "bash", "zsh", "fish" }
end

local function run(chosen)
  local parser = command.parser()
  io.write(parser[("get_%s_complete"):format(chosen.shell)](parser))
end

return {
  summary = "Prints the completions for a shell, which the installation has brought to their usual places, too.",
  options = options,
  examples = {
    { "eval \"$(shmipc completion bash)\"", "completes commands and options in this shell" },
  },
  run = run,
}
