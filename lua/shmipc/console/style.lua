-- Colours: on a terminal only, and never where NO_COLOR (no-color.org) says so.

local style = {}

local is_windows = package.config:sub(1, 1) == "\\"

--- Whether standard input (0), output (1) or error (2) is a terminal. On Windows: no, as far as one can tell from here.
function style.is_terminal(number)
  return not is_windows and os.execute(("test -t %d"):format(number)) == true
end

local codes = {
  title = "1", dim = "2", good = "32", warning = "33", bad = "31", changed = "1;33", name = "36", reverse = "7",
}

local function plain(_, shown) return shown end

local function coloured(name, shown)
  return ("\27[%sm%s\27[0m"):format(codes[name], shown)
end

--- paint(style, text) for standard output.
function style.painter()
  local refuses = (os.getenv "NO_COLOR" or "") ~= "" or os.getenv "TERM" == "dumb"
  return not refuses and style.is_terminal(1) and coloured or plain
end

return style
