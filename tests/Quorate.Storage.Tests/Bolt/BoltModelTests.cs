using System.Text;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;

namespace Quorate.Storage.Tests.Bolt;

/// <summary>Random transactions against a sorted dictionary, with readers of older states and reopening in between.</summary>
public sealed class BoltModelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void A_database_is_a_sorted_dictionary(int seed)
    {
        using var directory = new TemporaryDirectory();
        var random = new Random(seed);
        var options = new BoltOptions { InitialMapSize = 1 << 20, GrowthStep = 1 << 16, UnsafeNoSync = true };
        var model = new SortedDictionary<string, string>(StringComparer.Ordinal);
        BoltDatabase database = BoltDatabase.Open(LocalFileSystem.Instance, directory["db"], options);
        for (int round = 0; round < 60; round++)
        {
            var before = new SortedDictionary<string, string>(model, StringComparer.Ordinal);
            using BoltReadTransaction reader = database.BeginRead();
            using (BoltWriteTransaction transaction = database.BeginWrite())
            {
                BoltWriteBucket bucket = transaction.Bucket("key"u8);
                bucket.FillPercent = random.Next(2) == 0 ? 0.5 : 0.9;
                int changes = random.Next(1, 400);
                bool deletes = random.Next(3) == 0;
                for (int change = 0; change < changes; change++)
                {
                    string key = $"k{random.Next(2000):D5}";
                    if (deletes ? random.Next(4) > 0 : random.Next(8) == 0)
                    {
                        bucket.Delete(Encoding.ASCII.GetBytes(key));
                        model.Remove(key);
                    }
                    else
                    {
                        string value = new('v', random.Next(0, random.Next(20) == 0 ? 20_000 : 200));
                        bucket.Put(Encoding.ASCII.GetBytes(key), Encoding.ASCII.GetBytes(value));
                        model[key] = value;
                    }
                }

                if (random.Next(10) == 0)
                {
                    model = before;
                }
                else
                {
                    transaction.Commit();
                }
            }

            AssertEqual(before, reader);
            using (BoltReadTransaction now = database.BeginRead())
            {
                AssertEqual(model, now);
                Assert.Empty(BoltCheck.Run(now));
            }

            reader.Dispose();
            if (random.Next(5) == 0)
            {
                database.Dispose();
                database = BoltDatabase.Open(LocalFileSystem.Instance, directory["db"], options);
            }
        }

        database.Dispose();
    }

    [Fact]
    public void A_cursor_seeks_and_goes_both_ways()
    {
        using var directory = new TemporaryDirectory();
        using BoltDatabase database = BoltDatabase.Open(LocalFileSystem.Instance, directory["db"]);
        using (BoltWriteTransaction transaction = database.BeginWrite())
        {
            BoltWriteBucket bucket = transaction.Bucket("b"u8);
            for (int number = 0; number < 1000; number += 2)
            {
                bucket.Put(Encoding.ASCII.GetBytes($"{number:D4}"), [1]);
            }

            transaction.Commit();
        }

        using BoltReadTransaction reader = database.BeginRead();
        BoltCursor cursor = reader.Bucket("b"u8)!.Cursor();
        Assert.True(cursor.Seek("0501"u8));
        Assert.Equal("0502", Encoding.ASCII.GetString(cursor.Key));
        Assert.True(cursor.Previous());
        Assert.Equal("0500", Encoding.ASCII.GetString(cursor.Key));
        Assert.True(cursor.Last());
        Assert.Equal("0998", Encoding.ASCII.GetString(cursor.Key));
        Assert.False(cursor.Next());
        Assert.False(cursor.Seek("0999"u8));
        Assert.True(cursor.First());
        Assert.False(cursor.Previous());
        Assert.Null(reader.Bucket("none"u8));
    }

    [Fact]
    public void A_copy_is_a_database_with_the_same_content()
    {
        using var directory = new TemporaryDirectory();
        using BoltDatabase database = BoltDatabase.Open(LocalFileSystem.Instance, directory["db"]);
        using (BoltWriteTransaction transaction = database.BeginWrite())
        {
            transaction.Bucket("b"u8).Put([1], new byte[10_000]);
            transaction.Commit();
        }

        using (BoltReadTransaction reader = database.BeginRead())
        using (FileStream copy = File.Create(directory["copy"]))
        {
            reader.CopyTo(copy.Write);
            Assert.Equal(reader.Size, copy.Length);
        }

        using BoltDatabase second = BoltDatabase.Open(LocalFileSystem.Instance, directory["copy"]);
        using BoltReadTransaction read = second.BeginRead();
        Assert.True(read.Bucket("b"u8)!.TryGet([1], out ReadOnlySpan<byte> value));
        Assert.Equal(10_000, value.Length);
    }

    private static void AssertEqual(SortedDictionary<string, string> model, BoltReadTransaction transaction)
    {
        BoltBucket? bucket = transaction.Bucket("key"u8);
        if (bucket is null)
        {
            Assert.Empty(model);
            return;
        }

        BoltCursor cursor = bucket.Cursor();
        bool more = cursor.First();
        foreach ((string key, string value) in model)
        {
            Assert.True(more);
            Assert.Equal(key, Encoding.ASCII.GetString(cursor.Key));
            Assert.Equal(value, Encoding.ASCII.GetString(cursor.Value));
            Assert.True(bucket.TryGet(Encoding.ASCII.GetBytes(key), out _));
            more = cursor.Next();
        }

        Assert.False(more);
    }
}
