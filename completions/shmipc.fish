function __fish_shmipc_print_command
    set -l cmdline (commandline -poc)
    set -l cmd
    set -e cmdline[1]
    for arg in $cmdline
        switch $arg
            case completion
                set cmd $cmd completion
                break
            case doctor
                set cmd $cmd doctor
                break
            case dump
                set cmd $cmd dump
                break
            case gc
                set cmd $cmd gc
                break
            case get
                set cmd $cmd get
                break
            case ls
                set cmd $cmd ls
                break
            case new
                set cmd $cmd new
                break
            case rm
                set cmd $cmd rm
                break
            case run
                set cmd $cmd run
                break
            case set
                set cmd $cmd set
                break
            case stat
                set cmd $cmd stat
                break
            case top
                set cmd $cmd top
                break
            case watch
                set cmd $cmd watch
                break
        end
    end
    echo "$cmd"
end

function __fish_shmipc_using_command
    test (__fish_shmipc_print_command) = "$argv"
    and return 0
    or return 1
end

function __fish_shmipc_seen_command
    string match -q "$argv*" (__fish_shmipc_print_command)
    and return 0
    or return 1
end

complete -c shmipc -n '__fish_shmipc_using_command' -xa 'completion' -d 'Prints the completions for a shell, which the installation has brought to their usual places, too'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'doctor' -d 'Checks the surroundings, and says what to do about them'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'dump' -d 'Shows bytes: in hexadecimal and as text, as numbers, or as a C struct'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'gc' -d 'Removes what killed processes left behind'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'get' -d 'Prints one field of shared memory, or all of a struct'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'ls' -d 'Lists named objects: what there is, who holds it, who has the lock'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'new' -d 'Writes a commented starting point for a script of your own'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'rm' -d 'Takes away names; who holds an object keeps it'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'run' -d 'Runs a script that finds the module shmipc, wherever it was installed'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'set' -d 'Writes one field of shared memory'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'stat' -d 'Tells all that is known of one object'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'top' -d 'Shows objects live: who holds how many, which locks are fought for, how fast channels go'
complete -c shmipc -n '__fish_shmipc_using_command' -xa 'watch' -d 'Watches shared memory live: values, what changed, how fast, and how it went'
complete -c shmipc -s h -l help -d 'Show this help message and exit'
complete -c shmipc -s V -l version -d 'Show the version and exit'

complete -c shmipc -n '__fish_shmipc_seen_command completion' -s h -l help -d 'Show this help message and exit'

complete -c shmipc -n '__fish_shmipc_seen_command doctor' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command doctor' -l json -d 'For programs'

complete -c shmipc -n '__fish_shmipc_seen_command dump' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l as -xa 'i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text' -d 'Take the bytes for elements of this type, or for a text that ends with a NUL'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l layout -r -d 'Take them for a C struct: the last one in this file, or the declaration itself'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l struct -r -d 'Which struct or type of the layout\'s file'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l pack -r -d 'As #pragma pack in front of the layout'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l offset -r -d 'Where to begin, in bytes from 0; 0x10 is 16'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l length -r -d 'How many bytes; default: to the end'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l lock -r -d 'Hold this mutex meanwhile'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l timeout -r -d 'Wait so many seconds for the lock'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l all -d 'Show rows that are the same as the one before, too'
complete -c shmipc -n '__fish_shmipc_seen_command dump' -l json -d 'For programs: with --as or --layout'

complete -c shmipc -n '__fish_shmipc_seen_command gc' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command gc' -s n -l dry-run -d 'Only tell what would be removed'
complete -c shmipc -n '__fish_shmipc_seen_command gc' -l json -d 'For programs'

complete -c shmipc -n '__fish_shmipc_seen_command get' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l as -xa 'i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text' -d 'Take the bytes for elements of this type, or for a text that ends with a NUL'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l layout -r -d 'Take them for a C struct: the last one in this file, or the declaration itself'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l struct -r -d 'Which struct or type of the layout\'s file'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l pack -r -d 'As #pragma pack in front of the layout'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l offset -r -d 'Where to begin, in bytes from 0; 0x10 is 16'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l lock -r -d 'Hold this mutex meanwhile'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l timeout -r -d 'Wait so many seconds for the lock'
complete -c shmipc -n '__fish_shmipc_seen_command get' -l json -d 'For programs'

complete -c shmipc -n '__fish_shmipc_seen_command ls' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command ls' -s a -l all -d 'Those of other users, too'
complete -c shmipc -n '__fish_shmipc_seen_command ls' -s k -l kind -xa 'mapping mutex event semaphore channel' -d 'Only objects of this kind'
complete -c shmipc -n '__fish_shmipc_seen_command ls' -l leftover -d 'Only what killed processes have left behind'
complete -c shmipc -n '__fish_shmipc_seen_command ls' -l json -d 'For programs: a list of all that is known'

complete -c shmipc -n '__fish_shmipc_seen_command new' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command new' -s f -l force -d 'Write over a file that exists'

complete -c shmipc -n '__fish_shmipc_seen_command rm' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command rm' -s f -l force -d 'Ask nothing, and remove foreign objects, too'

complete -c shmipc -n '__fish_shmipc_seen_command run' -s h -l help -d 'Show this help message and exit'

complete -c shmipc -n '__fish_shmipc_seen_command set' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command set' -l as -xa 'i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text' -d 'Take the bytes for elements of this type, or for a text that ends with a NUL'
complete -c shmipc -n '__fish_shmipc_seen_command set' -l layout -r -d 'Take them for a C struct: the last one in this file, or the declaration itself'
complete -c shmipc -n '__fish_shmipc_seen_command set' -l struct -r -d 'Which struct or type of the layout\'s file'
complete -c shmipc -n '__fish_shmipc_seen_command set' -l pack -r -d 'As #pragma pack in front of the layout'
complete -c shmipc -n '__fish_shmipc_seen_command set' -l offset -r -d 'Where to begin, in bytes from 0; 0x10 is 16'
complete -c shmipc -n '__fish_shmipc_seen_command set' -l lock -r -d 'Hold this mutex meanwhile'
complete -c shmipc -n '__fish_shmipc_seen_command set' -l timeout -r -d 'Wait so many seconds for the lock'

complete -c shmipc -n '__fish_shmipc_seen_command stat' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command stat' -l json -d 'For programs'

complete -c shmipc -n '__fish_shmipc_seen_command top' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command top' -s n -l interval -r -d 'Seconds between two pictures'
complete -c shmipc -n '__fish_shmipc_seen_command top' -l count -r -d 'End after so many pictures; where standard output is no terminal: 1'
complete -c shmipc -n '__fish_shmipc_seen_command top' -s s -l sort -xa 'kind name size age holders locked waited rate' -d 'By which column'
complete -c shmipc -n '__fish_shmipc_seen_command top' -s r -l reverse -d 'The other way round'
complete -c shmipc -n '__fish_shmipc_seen_command top' -s a -l all -d 'Objects of other users, too'
complete -c shmipc -n '__fish_shmipc_seen_command top' -l json -d 'For programs: a list for each picture, a line each'

complete -c shmipc -n '__fish_shmipc_seen_command watch' -s h -l help -d 'Show this help message and exit'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l as -xa 'i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool text' -d 'Take the bytes for elements of this type, or for a text that ends with a NUL'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l layout -r -d 'Take them for a C struct: the last one in this file, or the declaration itself'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l struct -r -d 'Which struct or type of the layout\'s file'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l pack -r -d 'As #pragma pack in front of the layout'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l offset -r -d 'Where to begin, in bytes from 0; 0x10 is 16'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -s n -l interval -r -d 'Seconds between two looks'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l count -r -d 'End after so many looks'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l duration -r -d 'End after so many seconds'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l record -r -d 'Keep the values as CSV in this file'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l plot -r -d 'Draw the values into this file at the end (SVG)'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l lock -r -d 'Hold this mutex meanwhile'
complete -c shmipc -n '__fish_shmipc_seen_command watch' -l timeout -r -d 'Wait so many seconds for the lock'
