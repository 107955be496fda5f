# What zsh offers for lines: zsh -f complete.zsh SCRIPT OUTPUT LINE... A shell of its own, with a terminal, is asked for it.
# What is offered for a line stands in OUTPUT, then END.
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
bindkey '^U' kill-whole-line
print READY >> $2.ready
"
while [[ ! -e $2.ready ]]; do zpty -r -t shell line || sleep 0.05; done
: >> $2
integer ended=0
for line in "${@[3,-1]}"; do
  zpty -w -n shell $'\025'"$line"$'\t'
  while (( $(grep -cs '^END$' $2) == ended )); do zpty -r -t shell said || sleep 0.02; done
  (( ended++ ))
done
zpty -d shell
