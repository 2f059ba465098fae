"""The modules of the compiled core; illshell._fastmatch is their public face."""
