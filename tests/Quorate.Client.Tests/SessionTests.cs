using Quorate.Protocol;

namespace Quorate.Client.Tests;

public sealed class SessionTests : IAsyncLifetime
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
    public async Task A_lease_is_granted_renewed_seen_and_revoked()
    {
        LeaseInfo lease = await _client.GrantLeaseAsync(TimeSpan.FromSeconds(100), 777);
        Assert.Equal((777, TimeSpan.FromSeconds(100)), (lease.Id, lease.GrantedTtl));
        await _client.PutAsync("leased", "x", lease.Id);
        LeaseInfo seen = (await _client.GetLeaseAsync(777, withKeys: true))!;
        Assert.Equal(["leased"], seen.Keys.Select(key => key.ToString()));
        Assert.Equal([777], await _client.ListLeasesAsync());
        Assert.Equal(TimeSpan.FromSeconds(100), await _client.RenewLeaseAsync(777));
        await _client.RevokeLeaseAsync(777);
        Assert.Null(await _client.GetAsync("leased"));
        Assert.Null(await _client.RenewLeaseAsync(777));
        Assert.Null(await _client.GetLeaseAsync(777));
    }

    [Fact]
    public async Task A_lock_is_held_by_one_and_goes_to_the_next_in_order()
    {
        await using EtcdSession first = await _client.OpenSessionAsync(), second = await _client.OpenSessionAsync();
        EtcdLock held = await first.LockAsync("build");
        Assert.Equal($"build/{first.LeaseId:x}", held.Key);
        Assert.Null(await second.TryLockAsync("build"));
        Task<EtcdLock> waiting = second.LockAsync("build");
        await HasKeysAsync("build/", 2);
        Assert.False(waiting.IsCompleted);
        TransactionResult guarded = await _client.CommitAsync(new EtcdTransaction().If(held.IsHeld)
            .Then(Operation.Put("result", "1")));
        Assert.True(guarded.Succeeded);
        await held.DisposeAsync();
        EtcdLock next = await waiting.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(next.Revision > held.Revision);
        Assert.False((await _client.CommitAsync(new EtcdTransaction().If(held.IsHeld))).Succeeded);
        Assert.Equal(next.Revision, (await second.LockAsync("build")).Revision);
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_leaves_the_queue()
    {
        await using EtcdSession first = await _client.OpenSessionAsync(), second = await _client.OpenSessionAsync();
        await using EtcdLock held = await first.LockAsync("build");
        using var cancellation = new CancellationTokenSource();
        Task<EtcdLock> waiting = second.LockAsync("build", cancellation.Token);
        await HasKeysAsync("build/", 2);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(1, await _client.CountAsync(KeyRange.Prefix("build/")));
    }

    [Fact]
    public async Task A_session_that_ends_lets_go_of_everything()
    {
        EtcdSession first = await _client.OpenSessionAsync();
        await using EtcdSession second = await _client.OpenSessionAsync();
        await first.LockAsync("build");
        Task<EtcdLock> waiting = second.LockAsync("build");
        await HasKeysAsync("build/", 2);
        await first.DisposeAsync();
        Assert.True(first.Lost.IsCancellationRequested);
        await (await waiting.WaitAsync(TimeSpan.FromSeconds(60))).DisposeAsync();
        Assert.Equal([second.LeaseId], await _client.ListLeasesAsync());
    }

    [Fact]
    public async Task A_session_whose_lease_is_revoked_is_lost()
    {
        await using EtcdSession session = await _client.OpenSessionAsync(TimeSpan.FromSeconds(2));
        var lost = new TaskCompletionSource();
        await using CancellationTokenRegistration registration = session.Lost.Register(() => lost.TrySetResult());
        await _client.RevokeLeaseAsync(session.LeaseId);
        await lost.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await Assert.ThrowsAsync<EtcdException>(() => session.LockAsync("build"));
    }

    [Fact]
    public async Task A_leader_is_elected_seen_and_followed()
    {
        await using EtcdSession first = await _client.OpenSessionAsync(), second = await _client.OpenSessionAsync();
        Assert.Null(await _client.GetLeaderAsync("primary"));
        await using IAsyncEnumerator<KeyValuePair> observed = _client.ObserveLeaderAsync("primary").GetAsyncEnumerator();
        ValueTask<bool> next = observed.MoveNextAsync();
        Leadership leader = await first.CampaignAsync("primary", "one");
        Assert.True(await next);
        Assert.Equal("one", observed.Current.ValueText);
        await leader.ProclaimAsync("one again");
        Assert.True(await observed.MoveNextAsync());
        Assert.Equal("one again", observed.Current.ValueText);
        Task<Leadership> campaign = second.CampaignAsync("primary", "two");
        await HasKeysAsync("primary/", 2);
        Assert.Equal("one again", (await _client.GetLeaderAsync("primary"))!.ValueText);
        await leader.DisposeAsync();
        await using Leadership successor = await campaign.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(await observed.MoveNextAsync());
        Assert.Equal("two", observed.Current.ValueText);
        EtcdException error = await Assert.ThrowsAsync<EtcdException>(() => leader.ProclaimAsync("too late"));
        Assert.Equal("election: not leader", error.Message);
    }

    [Fact]
    public async Task A_token_that_has_become_old_is_renewed()
    {
        await _client.AddUserAsync("root", "secret");
        await _client.AddRoleAsync("root");
        await _client.GrantRoleAsync("root", "root");
        await _client.EnableAuthAsync();
        EtcdException refused = await Assert.ThrowsAsync<EtcdException>(() => _client.PutAsync("k", "v"));
        Assert.Equal("etcdserver: user name is empty", refused.Message);
        await using var root = new EtcdClient(_client.Options with { User = "root", Password = "secret" });
        await using var other = new EtcdClient(_client.Options with { User = "root", Password = "secret" });
        await root.PutAsync("k", "v");
        await other.AddRoleAsync("more");
        await root.PutAsync("k", "w");
        await using var wrong = new EtcdClient(_client.Options with { User = "root", Password = "guessed" });
        refused = await Assert.ThrowsAsync<EtcdException>(() => wrong.PutAsync("k", "v"));
        Assert.Equal("etcdserver: authentication failed, invalid user ID or password", refused.Message);
    }

    /// <summary>Waits until so many keys are there: somebody else is about to put them.</summary>
    private async Task HasKeysAsync(string prefix, long count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await _client.CountAsync(KeyRange.Prefix(prefix), limit.Token) != count)
        {
            await Task.Yield();
        }
    }
}
