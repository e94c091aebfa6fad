using System.Text;
using Quorate.Simulation.Disks;
using Quorate.Storage.Bolt;

namespace Quorate.Storage.Tests.Bolt;

/// <summary>The database on a disk that loses, keeps or tears what was not synced.</summary>
public sealed class BoltCrashTests
{
    [Fact]
    public void After_any_crash_the_database_is_that_of_the_last_commit_or_of_the_one_that_was_going_on()
    {
        for (int seed = 1; seed <= 60; seed++)
        {
            var random = new Random(seed);
            var disk = new SimulatedDisk(seed);
            SimulatedFileSystem files = disk.Mount();
            files.CreateDirectory("/data");
            files.SyncDirectory("/");
            BoltDatabase.Open(files, "/data/db").Dispose();
            var committed = new SortedDictionary<string, string>(StringComparer.Ordinal);
            SortedDictionary<string, string> next = committed;
            for (int incarnation = 0; incarnation < 6; incarnation++)
            {
                try
                {
                    BoltDatabase database = BoltDatabase.Open(disk.Mount(), "/data/db");
                    string found = Read(database);
                    Assert.True(found == Describe(committed) || found == Describe(next), $"seed {seed}, incarnation {incarnation}");
                    committed = found == Describe(next) ? next : committed;
                    disk.CrashAfter(random.Next(1, 60));
                    while (true)
                    {
                        next = Change(database, committed, random);
                        committed = next;
                    }
                }
                catch (SimulatedCrashException)
                {
                    disk.Crash((CrashLoss)random.Next(4));
                }
            }

            SortedDictionary<string, string> Change(BoltDatabase database, SortedDictionary<string, string> from, Random source)
            {
                next = new SortedDictionary<string, string>(from, StringComparer.Ordinal);
                using BoltWriteTransaction write = database.BeginWrite();
                BoltWriteBucket bucket = write.Bucket("b"u8);
                for (int i = source.Next(1, 40); i > 0; i--)
                {
                    string key = $"key{source.Next(200):d4}";
                    if (source.Next(3) == 0)
                    {
                        next.Remove(key);
                        bucket.Delete(Encoding.ASCII.GetBytes(key));
                    }
                    else
                    {
                        string value = new((char)('a' + source.Next(26)), source.Next(1, 300));
                        next[key] = value;
                        bucket.Put(Encoding.ASCII.GetBytes(key), Encoding.ASCII.GetBytes(value));
                    }
                }

                write.Commit();
                return next;
            }
        }
    }

    private static string Read(BoltDatabase database)
    {
        using BoltReadTransaction read = database.BeginRead();
        Assert.Empty(BoltCheck.Run(read));
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        BoltCursor? cursor = read.Bucket("b"u8)?.Cursor();
        for (bool more = cursor?.First() ?? false; more; more = cursor!.Next())
        {
            found[Encoding.ASCII.GetString(cursor!.Key)] = Encoding.ASCII.GetString(cursor.Value);
        }

        return Describe(found);
    }

    private static string Describe(SortedDictionary<string, string> pairs) =>
        string.Join(';', pairs.Select(pair => $"{pair.Key}={pair.Value}"));
}
