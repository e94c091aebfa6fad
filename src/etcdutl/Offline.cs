using System.Text;
using Quorate.CommandLine;
using Quorate.Mvcc.Backing;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Schema;

namespace Quorate.Etcdutl;

/// <summary>defrag and migrate, on the directory of a member that does not run (spec 07 §12.4, §12.5).</summary>
internal static class Offline
{
    public static void DataDirectory(FlagSet flags) => flags.Add("data-dir", FlagSet.Kind.Text, "", "Required. Defragments a data directory not in use by etcd.");

    public static void MigrateFlags(FlagSet flags)
    {
        DataDirectory(flags);
        flags.Add("target-version", FlagSet.Kind.Text, "", "Target etcd version to migrate contents of data dir.");
        flags.Add("force", FlagSet.Kind.Boolean, "false", "Ignore migration failure and forcefully override storage version. Not recommended.");
    }

    public static int Defragment(UtlContext context)
    {
        Require(context, "data-dir");
        string directory = context.Flags.Text("data-dir"), path = $"{directory}/member/snap/db";
        if (!File.Exists(path))
        {
            throw new CommandException(ExitCodes.Error, $"Failed to defragment etcd data[{directory}] (stat {path}: no such file or directory)");
        }

        using Backend backend = Open(context, path);
        UtlContext.Log("info", "defragmenting", $"\"path\": \"{path}\", \"current-db-size-bytes\": {backend.Size}");
        backend.Defragment();
        UtlContext.Log("info", "finished defragmenting directory", $"\"path\": \"{path}\", \"current-db-size-bytes\": {backend.Size}");
        return ExitCodes.Success;
    }

    public static int Migrate(UtlContext context)
    {
        Require(context, "data-dir", "target-version");
        string text = context.Flags.Text("target-version");
        string[] parts = text.Split('.');
        if (parts.Length != 2)
        {
            throw CommandException.BadArguments($"wrong target version format, expected \"X.Y\", got {GoText.Quote(text)}");
        }

        foreach (string part in parts)
        {
            if (!GoText.TryInt64(part, out _, out string fault))
            {
                throw CommandException.BadArguments($"failed to parse target version: {fault}");
            }
        }

        var target = new Version(int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture), int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
        if (target < new Version(3, 5))
        {
            throw CommandException.BadArguments($"target version {GoText.Quote(text)} not supported. Minimal \"3.5\"");
        }

        string path = $"{context.Flags.Text("data-dir")}/member/snap/db";
        if (!File.Exists(path))
        {
            throw new CommandException(ExitCodes.Error, $"stat {path}: no such file or directory");
        }

        if (target > new Version(3, 7))
        {
            throw new CommandException(ExitCodes.Error, $"cannot create migration plan: version \"{text}.0\" is not supported");
        }

        using Backend backend = Open(context, path);
        string stored = Encoding.ASCII.GetString(backend.ReadMeta(MetaKeys.StorageVersion));
        if (stored.Length == 0 && MetaKeys.Decode(backend.ReadMeta(MetaKeys.Term)) == 0)
        {
            throw new CommandException(ExitCodes.Error, "missing term information");
        }

        Version current = stored.Length == 0 ? new Version(3, 5) : Version.Parse(stored[..stored.LastIndexOf('.')]);
        if (current == target)
        {
            UtlContext.Log("info", "storage version up-to-date", $"\"storage-version\": \"{target}\"");
            return ExitCodes.Success;
        }

        while (current != target)
        {
            current = new Version(3, current.Minor + (current < target ? 1 : -1));
            if (current >= new Version(3, 6))
            {
                backend.Put(Buckets.Meta, MetaKeys.StorageVersion, Encoding.ASCII.GetBytes($"{current}.0"));
            }
            else
            {
                backend.Delete(Buckets.Meta, MetaKeys.StorageVersion);
            }

            backend.Commit();
            UtlContext.Log("info", "updated storage version", $"\"new-storage-version\": \"{current}.0\"");
        }

        return ExitCodes.Success;
    }

    private static Backend Open(UtlContext context, string path)
    {
        TimeSpan timeout = context.Flags.Duration("timeout");
        DateTime deadline = DateTime.UtcNow + timeout;
        return Backend.Open(LocalFileSystem.Instance, path, new BoltOptions
        {
            InitialMapSize = 1 << 30,
            WaitForLock = () =>
            {
                if (timeout > TimeSpan.Zero && DateTime.UtcNow >= deadline)
                {
                    throw new CommandException(ExitCodes.Error, $"failed to open database: timeout: {path} is in use by another process");
                }

                // The lock is given up by another process: there is nothing to be told by, only to look again.
                Thread.Sleep(50);
            },
        });
    }

    private static void Require(UtlContext context, params string[] names)
    {
        string[] missing = [.. names.Where(name => context.Flags.Text(name).Length == 0)];
        if (missing.Length > 0)
        {
            throw new CommandException(ExitCodes.Error, $"required flag(s) {string.Join(", ", missing.Select(GoText.Quote))} not set");
        }
    }
}
