namespace Quorate.Client.Tests;

public sealed class KeyTests : IAsyncLifetime
{
    private TestMember _member = null!;
    private EtcdClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _member = await TestMember.StartAsync();
        _client = _member.Connect();
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _member.DisposeAsync();
    }

    [Fact]
    public async Task Text_and_bytes_are_put_read_and_deleted()
    {
        byte[] key = [0xff, 0, 1], value = [0, 0xc3, 0x28];
        long revision = await _client.PutAsync(key, value);
        KeyValuePair pair = (await _client.GetAsync(key))!;
        Assert.Equal(value, pair.Value.ToArray());
        Assert.Equal((revision, revision, 1), (pair.CreateRevision, pair.ModRevision, pair.Version));
        Assert.Null(await _client.GetAsync("nothing"));
        Assert.Equal(1, await _client.DeleteAsync((EtcdBytes)key));
        Assert.Equal(0, await _client.DeleteAsync((EtcdBytes)key));
    }

    [Fact]
    public async Task Prefixes_end_behind_their_last_key()
    {
        byte[] high = [0xff], higher = [0xff, 0xff];
        foreach (EtcdBytes key in (EtcdBytes[])["a", "a/1", "a/2", "a0", "b", high, higher])
        {
            await _client.PutAsync(key, "");
        }

        Assert.Equal(["a/1", "a/2"], (await _client.GetPrefixAsync("a/")).Select(pair => pair.KeyText));
        Assert.Equal(2, await _client.CountAsync(KeyRange.Prefix(high)));
        Assert.Equal(7, await _client.CountAsync(KeyRange.Prefix("")));
        Assert.Equal(7, await _client.CountAsync(KeyRange.All));
        Assert.Equal(4, await _client.CountAsync(KeyRange.From("a0")));
        Assert.Equal(3, await _client.CountAsync(KeyRange.Between("a/1", "b")));
    }

    [Fact]
    public async Task Pages_are_of_one_revision_whatever_happens_between_them()
    {
        for (int number = 0; number < 10; number++)
        {
            await _client.PutAsync($"page/{number}", "old");
        }

        List<string> read = [];
        await foreach (KeyValuePair pair in _client.ReadAllAsync(KeyRange.Prefix("page/"), pageSize: 3))
        {
            read.Add($"{pair.KeyText}={pair.ValueText}");
            await _client.PutAsync("page/5", "new");
            await _client.DeleteAsync("page/7");
        }

        Assert.Equal(Enumerable.Range(0, 10).Select(number => $"page/{number}=old"), read);
    }

    [Fact]
    public async Task Ranges_are_sorted_and_limited()
    {
        await _client.PutAsync("r/1", "c");
        await _client.PutAsync("r/2", "b");
        await _client.PutAsync("r/3", "a");
        RangeResult result = await _client.RangeAsync(KeyRange.Prefix("r/"),
            new RangeOptions { SortBy = SortField.Value, Limit = 2 });
        Assert.Equal(["a", "b"], result.Pairs.Select(pair => pair.ValueText));
        Assert.True(result.HasMore);
        Assert.Equal(3, result.Count);
        result = await _client.RangeAsync(KeyRange.Prefix("r/"), new RangeOptions { Descending = true, KeysOnly = true });
        Assert.Equal(["r/3=", "r/2=", "r/1="], result.Pairs.Select(pair => $"{pair.KeyText}={pair.ValueText}"));
    }

    [Fact]
    public async Task A_transaction_makes_one_branch_and_tells_what_it_did()
    {
        EtcdTransaction transaction = new EtcdTransaction()
            .If(Condition.IsMissing("t"))
            .Then(Operation.Put("t", "1"), Operation.Get("t"))
            .Else(Operation.Get("t"));
        TransactionResult first = await _client.CommitAsync(transaction);
        Assert.True(first.Succeeded);
        Assert.Equal("1", first.Results[1].Pairs[0].ValueText);
        TransactionResult second = await _client.CommitAsync(new EtcdTransaction()
            .If(Condition.IsMissing("t"))
            .Else(Operation.Put("t", "2", withPrevious: true), Operation.Nested(new EtcdTransaction().Then(Operation.Get("t")))));
        Assert.False(second.Succeeded);
        Assert.Equal("1", second.Results[0].Pairs[0].ValueText);
        Assert.Equal("2", second.Results[1].Inner!.Results[0].Pairs[0].ValueText);
        KeyValuePair pair = (await _client.GetAsync("t"))!;
        Assert.True((await _client.CommitAsync(new EtcdTransaction().If(Condition.IsUnchanged(pair)).Then(Operation.Delete("t"))))
            .Succeeded);
        Assert.False((await _client.CommitAsync(new EtcdTransaction().If(Condition.IsUnchanged(pair)))).Succeeded);
    }

    [Fact]
    public async Task Status_hash_alarms_and_snapshot_are_those_of_the_member()
    {
        await _client.PutAsync("k", "v");
        MemberStatus status = await _client.GetStatusAsync();
        Assert.True(status.IsLeader);
        Assert.True(status.DatabaseSize >= status.DatabaseSizeInUse);
        Assert.Empty(await _client.ListAlarmsAsync());
        Assert.Equal(await _client.HashKeysAsync(), await _client.HashKeysAsync());
        using var snapshot = new MemoryStream();
        long size = await _client.SaveSnapshotAsync(snapshot);
        Assert.Equal((size, 32), (snapshot.Length, size % 512));
        byte[] bytes = snapshot.ToArray();
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(bytes.AsSpan(..^32)), bytes[^32..]);
        await _client.DefragmentAsync();
        Assert.Equal("v", (await _client.GetAsync("k"))!.ValueText);
    }

    [Fact]
    public async Task Members_are_listed_and_changed()
    {
        MemberInfo only = Assert.Single(await _client.ListMembersAsync());
        Assert.Equal(("one", "http://127.0.0.1:1"), (only.Name, only.PeerUrls[0]));
        MemberInfo learner = await _client.AddMemberAsync(["http://127.0.0.1:3"], isLearner: true);
        await _client.UpdateMemberAsync(learner.Id, ["http://127.0.0.1:4"]);
        MemberInfo listed = (await _client.ListMembersAsync()).Single(member => member.Id == learner.Id);
        Assert.Equal((true, false, "http://127.0.0.1:4"), (listed.IsLearner, listed.IsStarted, listed.PeerUrls[0]));
        await _client.RemoveMemberAsync(learner.Id);
        Assert.Single(await _client.ListMembersAsync());
    }
}
