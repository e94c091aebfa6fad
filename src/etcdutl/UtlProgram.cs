using Quorate.CommandLine;
using Quorate.Protocol;
using Quorate.Storage;

namespace Quorate.Etcdutl;

/// <summary>The program etcdutl: work on the files of a member that does not run (spec 07 §12).</summary>
internal static class UtlProgram
{
    public const string Version = "3.7.1";

    private static readonly IReadOnlyList<UtlCommand> s_commands =
    [
        new("snapshot status", "<filename>", "Gets backend snapshot status of a given file", "etcdutl --write-out=table snapshot status backup.db", _ => { }, SnapshotStatus.Run),
        new("snapshot restore", "<filename> [flags]", "Restores an etcd member snapshot to an etcd directory",
            "etcdutl snapshot restore backup.db --name m1 --initial-cluster m1=http://127.0.0.1:2380 --data-dir m1.etcd", SnapshotRestore.Flags, SnapshotRestore.Run),
        new("hashkv", "<filename>", "Prints the KV history hash of a given file", "etcdutl hashkv backup.db",
            flags => flags.Add("rev", FlagSet.Kind.Integer, "0", "maximum revision to hash (0 indicates latest)"), HashKv.Run),
        new("defrag", "", "Defragments the storage of the etcd", "etcdutl defrag --data-dir m1.etcd", Offline.DataDirectory, Offline.Defragment),
        new("migrate", "", "Migrates schema of etcd data dir files to make them compatible with different etcd version",
            "etcdutl migrate --data-dir m1.etcd --target-version 3.6", Offline.MigrateFlags, Offline.Migrate),
        new("version", "", "Prints the version of etcdutl", "etcdutl version", _ => { }, _ =>
        {
            Console.Out.Write($"etcdutl version: {Version}\nAPI version: 3.7\n");
            return ExitCodes.Success;
        }),
    ];

    public static int Run(string[] arguments)
    {
        try
        {
            return Dispatch(arguments);
        }
        catch (CommandException error)
        {
            Console.Error.WriteLine($"Error: {error.Message}");
            return error.ExitCode;
        }
        catch (Exception error) when (error is StorageException or IOException or UnauthorizedAccessException or EtcdException or FormatException)
        {
            Console.Error.WriteLine($"Error: {error.Message}");
            return ExitCodes.Error;
        }
    }

    private static int Dispatch(string[] arguments)
    {
        int offset = 0;
        FlagSet flags = Global();
        IReadOnlyList<string> positional = [];
        UtlCommand? command = null;

        // Flags may stand before the command: all that any command knows are known here.
        var all = new FlagSet();
        foreach (UtlCommand each in s_commands)
        {
            each.Flags(all);
        }

        all.Add(Global().All);
        IReadOnlyList<string> given = all.Parse(arguments, out _);
        foreach (UtlCommand each in s_commands)
        {
            if (given.Count >= each.Words.Length && each.Words.Zip(given).All(pair => pair.First == pair.Second))
            {
                command = each;
                offset = each.Words.Length;
            }
        }

        if (command is null)
        {
            if (given.Count > 0 && !s_commands.Any(each => each.Words[0] == given[0]))
            {
                throw new CommandException(ExitCodes.Error, $"unknown command \"{given[0]}\" for \"etcdutl\"\nRun 'etcdutl --help' for usage.");
            }

            Help();
            return ExitCodes.Success;
        }

        command.Flags(flags);
        positional = [.. flags.Parse(arguments, out _).Skip(offset)];
        if (flags.Boolean("help"))
        {
            Console.Out.Write($"{command.Description}\n\nUsage:\n  etcdutl {command.Path} {command.Usage} [flags]\n\nExample:\n  {command.Example}\n");
            return ExitCodes.Success;
        }

        return command.Run(new UtlContext(flags, positional));
    }

    private static FlagSet Global() => new FlagSet()
        .Add("write-out", FlagSet.Kind.Text, "simple", "set the output format (fields, json, protobuf, simple, table)", 'w')
        .Add("timeout", FlagSet.Kind.Duration, "10s", "time to wait to obtain the file lock on db, 0 to block indefinitely")
        .Add("help", FlagSet.Kind.Boolean, "false", "help for the command", 'h');

    private static void Help()
    {
        Console.Out.Write("An administrative command line tool for etcd3.\n\nUsage:\n  etcdutl [command]\n\nCommands:\n");
        foreach (UtlCommand each in s_commands)
        {
            Console.Out.Write($"  {each.Path,-20}{each.Description}\n");
        }
    }
}
