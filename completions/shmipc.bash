_shmipc() {
    local IFS=$' \t\n'
    local args cur prev cmd opts arg
    args=("${COMP_WORDS[@]}")
    cur="${COMP_WORDS[COMP_CWORD]}"
    prev="${COMP_WORDS[COMP_CWORD-1]}"
    opts="-h --help -V --version"

    args=("${args[@]:1}")
    for arg in "${args[@]}"; do
        case "$arg" in
            completion)
                cmd="completion"
                opts="$opts -h --help"
                break
                ;;
            doctor)
                cmd="doctor"
                opts="$opts -h --help --json"
                break
                ;;
            dump)
                cmd="dump"
                opts="$opts -h --help --as --layout --struct --pack --offset --length --lock --timeout --all --json"
                break
                ;;
            gc)
                cmd="gc"
                opts="$opts -h --help -n --dry-run --json"
                break
                ;;
            get)
                cmd="get"
                opts="$opts -h --help --as --layout --struct --pack --offset --lock --timeout --json"
                break
                ;;
            ls)
                cmd="ls"
                opts="$opts -h --help -a --all -k --kind --leftover --json"
                break
                ;;
            new)
                cmd="new"
                opts="$opts -h --help -f --force"
                break
                ;;
            rm)
                cmd="rm"
                opts="$opts -h --help -f --force"
                break
                ;;
            run)
                cmd="run"
                opts="$opts -h --help"
                break
                ;;
            set)
                cmd="set"
                opts="$opts -h --help --as --layout --struct --pack --offset --lock --timeout"
                break
                ;;
            stat)
                cmd="stat"
                opts="$opts -h --help --json"
                break
                ;;
            top)
                cmd="top"
                opts="$opts -h --help -n --interval --count -s --sort -r --reverse -a --all --json"
                break
                ;;
            watch)
                cmd="watch"
                opts="$opts -h --help --as --layout --struct --pack --offset -n --interval --count --duration --record --plot --lock --timeout"
                break
                ;;
        esac
    done

    case "$cmd" in
        '')
            COMPREPLY=($(compgen -W "completion doctor dump gc get ls new rm run set stat top watch" -- "$cur"))
            ;;
        'dump')
            case "$prev" in
                --as)
                    COMPREPLY=($(compgen -W "i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text" -- "$cur"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --struct)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --pack)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --offset)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --length)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --lock)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'get')
            case "$prev" in
                --as)
                    COMPREPLY=($(compgen -W "i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text" -- "$cur"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --struct)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --pack)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --offset)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --lock)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'ls')
            case "$prev" in
                -k|--kind)
                    COMPREPLY=($(compgen -W "mapping mutex event semaphore channel" -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'set')
            case "$prev" in
                --as)
                    COMPREPLY=($(compgen -W "i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text" -- "$cur"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --struct)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --pack)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --offset)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --lock)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'top')
            case "$prev" in
                -n|--interval)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --count)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                -s|--sort)
                    COMPREPLY=($(compgen -W "kind name size age holders locked waited rate" -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'watch')
            case "$prev" in
                --as)
                    COMPREPLY=($(compgen -W "i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text" -- "$cur"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --struct)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --pack)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --offset)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                -n|--interval)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --count)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --duration)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --record)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --plot)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --lock)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
    esac

    if [[ "$cur" = -* ]]; then
        COMPREPLY=($(compgen -W "$opts" -- "$cur"))
    fi
}

complete -F _shmipc -o bashdefault -o default shmipc
