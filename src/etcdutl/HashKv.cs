using Quorate.CommandLine;
using Quorate.Mvcc;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;

namespace Quorate.Etcdutl;

/// <summary>hashkv: the hash of a file's history. It is computed on a copy, so that the file stays as it is (spec 07 §12.2).</summary>
internal static class HashKv
{
    public static int Run(UtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw new CommandException(ExitCodes.Error, $"accepts 1 arg(s), received {context.Arguments.Count}");
        }

        string path = context.Arguments[0];
        if (!File.Exists(path))
        {
            throw new CommandException(ExitCodes.Error, $"stat {path}: no such file or directory");
        }

        string copy = Path.Combine(Path.GetTempPath(), $"etcdutl-{Guid.NewGuid():n}.db");
        try
        {
            using (BoltDatabase source = SnapshotStatus.Open(path))
            using (BoltReadTransaction transaction = source.BeginRead())
            using (FileStream target = File.Create(copy))
            {
                transaction.CopyTo(target.Write);
            }

            using Backend backend = Backend.Open(LocalFileSystem.Instance, copy, new BoltOptions { InitialMapSize = 1 << 30, UnsafeNoSync = true });
            var keyspace = new Keyspace(backend, new Lessor(backend, TimeProvider.System, 1));
            KeyHash hash = keyspace.HashKv(context.Flags.Integer("rev"));
            context.Print(
            [
                ("hash", "Hash", "hash", hash.Hash, $"{hash.Hash}"),
                ("hash revision", "Hash revision", "hashRevision", hash.HashRevision, $"{hash.HashRevision}"),
                ("compact revision", "Compact revision", "compactRevision", hash.CompactRevision, $"{hash.CompactRevision}"),
            ]);
            return ExitCodes.Success;
        }
        catch (EtcdException error)
        {
            throw new CommandException(ExitCodes.Error, error.Message.Replace("etcdserver: ", "", StringComparison.Ordinal));
        }
        finally
        {
            File.Delete(copy);
        }
    }
}
