/** Completion for bash, made from the command table; names of VMs and nodes are asked of the API. */
import type { Command } from './command.js';
import { allCommands, GROUPS } from './areas.js';
import { GLOBAL_OPTIONS, nextWords } from './parse.js';

const optionWords = (command: Command): string[] => [
  ...(command.options ?? []).flatMap((option) => [
    `--${option.name}`,
    ...(option.off === undefined ? [] : [`--${option.off.name}`]),
  ]),
  '--help',
];

function namesCommand(command: Command): string {
  const first = command.positionals?.[0]?.name;
  if (first === 'VM') return 'pvc -q vm list -f raw';
  if (first === 'ADDRESS') return 'pvc -q actor list -f raw';
  if (first === 'LETTER') return 'pvc -q dead-letter list -f raw';
  if (first === 'NODE') return 'pvc -q node list -f raw';
  if (command.path.join(' ') === 'connection remove') return 'pvc -q connection list -f raw';
  return '';
}

export async function bashCompletion(): Promise<string> {
  const commands = await allCommands();
  const inner = GROUPS.filter(
    (group) => !commands.some((command) => command.path.join(' ') === group.path.join(' ')),
  );
  const top = [...nextWords([], commands, GROUPS), ...GLOBAL_OPTIONS.map((option) => `--${option.name}`)];
  const branches = [
    `    "") words="${top.join(' ')}" ;;`,
    ...inner.map(
      (group) => `    "${group.path.join(' ')}") words="${nextWords(group.path, commands, GROUPS).join(' ')}" ;;`,
    ),
    ...commands.map(
      (command) =>
        `    "${command.path.join(' ')}") words="${optionWords(command).join(' ')}"; ask="${namesCommand(command)}" ;;`,
    ),
  ];
  const known = [...inner, ...commands].map((one) => `"${one.path.join(' ')}"`).join('|');
  return `# source <(pvc completion bash)
_pvc() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" ask="" word next
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    case "$next" in ${known}) path="$next" ;; esac
  done
  case "$path" in
${branches.join('\n')}
  esac
  if [ -n "$ask" ] && [[ "$current" != -* ]]; then words="$($ask 2>/dev/null)"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _pvc pvc`;
}
