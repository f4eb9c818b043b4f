# Read by login shells of the user "app".
umask 022
export PATH="$HOME/.local/bin:$PATH"
