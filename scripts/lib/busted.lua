-- busted under the interpreter that runs this file, wherever busted was installed.
require "busted.runner" { standalone = false }
