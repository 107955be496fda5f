# What zsh offers for a line: zsh -f complete.zsh SCRIPT OUTPUT LINE. A shell of its own, with a terminal, is asked for it.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "
PS1= PS2=
autoload -Uz compinit; compinit -u -D
source $1
compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd \"\$@\"; return; fi
  local -a hits
  builtin compadd -A hits \"\$@\"
  print -rl -- \$hits >> $2
  builtin compadd \"\$@\"
}
offer() { _main_complete; compstate[insert]= compstate[list]=; print -r -- END >> $2 }
zle -C offer complete-word offer
bindkey '^I' offer
print READY >> $2.ready
"
while [[ ! -e $2.ready ]]; do zpty -r -t shell line || sleep 0.05; done
zpty -w -n shell "$3"$'\t'
while ! grep -qs '^END$' $2; do zpty -r -t shell line || sleep 0.05; done
zpty -d shell
