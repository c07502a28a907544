@lua "%~dp0shmipc" %*
