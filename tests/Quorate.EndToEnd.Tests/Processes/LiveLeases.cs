using Grpc.Core;
using Quorate.Protocol;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>Leases that a client keeps alive, with a time to live long enough that only a fault loses one.</summary>
public sealed class LiveLeases(ClusterMember member) : IDisposable
{
    private const long TimeToLive = 120;

    private readonly List<long> _ids = [];
    private Connection _connection = new(member);

    public async Task GrantAsync(int count)
    {
        for (int number = 0; number < count; number++)
        {
            LeaseGrantResponse response = await _connection.Leases.LeaseGrantAsync(new LeaseGrantRequest { TTL = TimeToLive },
                deadline: Connection.Within(10));
            _ids.Add(response.ID);
        }
    }

    public void MoveTo(ClusterMember other)
    {
        _connection.Dispose();
        _connection = new Connection(other);
    }

    /// <summary>Renews each lease once, over one stream.</summary>
    public async Task KeepAliveAsync()
    {
        using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream =
            _connection.Leases.LeaseKeepAlive(deadline: Connection.Within(60));
        foreach (long id in _ids)
        {
            await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id });
            Assert.True(await stream.ResponseStream.MoveNext(default));
            Assert.Equal(id, stream.ResponseStream.Current.ID);
            Assert.Equal(TimeToLive, stream.ResponseStream.Current.TTL);
        }

        await stream.RequestStream.CompleteAsync();
    }

    public async Task AssertAllLiveAsync()
    {
        LeaseLeasesResponse response = await _connection.Leases.LeaseLeasesAsync(new LeaseLeasesRequest(), deadline: Connection.Within(10));
        Assert.Equal(_ids.Order(), response.Leases.Select(lease => lease.ID).Order());
    }

    public void Dispose() => _connection.Dispose();
}
