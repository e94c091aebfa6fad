using System.Net;
using System.Net.Sockets;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Quorate.Protocol;

namespace Quorate.Client.Tests;

/// <summary>Members that cannot be reached, and connections that are lost in the midst of a call.</summary>
public sealed class FailoverTests
{
    [Fact]
    public async Task Any_call_goes_on_to_the_next_member_when_there_is_no_connection()
    {
        var keys = new Keys(losesConnection: false);
        await using FakeServer server = await FakeServer.StartAsync(keys);
        await using EtcdClient client = Connect("unix:/nowhere/at/all", server.Endpoint);
        Assert.Equal(7, await client.PutAsync("k", "v"));
        Assert.Equal(8, await client.PutAsync("k", "v"));
        Assert.Equal(2, keys.Puts);
    }

    [Fact]
    public async Task Any_call_goes_on_when_a_port_is_closed()
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var keys = new Keys(losesConnection: false);
        await using FakeServer server = await FakeServer.StartAsync(keys);
        await using EtcdClient client = Connect($"http://{closed.LocalEndPoint}", server.Endpoint);
        Assert.Equal(7, await client.PutAsync("k", "v"));
        Assert.Equal(1, keys.Puts);
    }

    /// <summary>A full queue of connections that nobody accepts is as silent as a host that is off.</summary>
    [Fact]
    public async Task Any_call_goes_on_when_a_host_is_silent()
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen(0);
        var endpoint = (IPEndPoint)silent.LocalEndPoint!;
        Socket[] queued = [.. Enumerable.Range(0, 4)
            .Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];
        try
        {
            foreach (Socket each in queued)
            {
                _ = each.ConnectAsync(endpoint);
            }

            var keys = new Keys(losesConnection: false);
            await using FakeServer server = await FakeServer.StartAsync(keys);
            await using EtcdClient client = new(new EtcdClientOptions
            {
                Endpoints = [$"http://{endpoint}", server.Endpoint],
                ConnectTimeout = TimeSpan.FromMilliseconds(300),
                CallTimeout = TimeSpan.FromSeconds(60),
            });
            Assert.Equal(7, await client.PutAsync("k", "v"));
            Assert.Equal(1, keys.Puts);
        }
        finally
        {
            Array.ForEach(queued, each => each.Dispose());
        }
    }

    [Fact]
    public async Task A_write_whose_connection_is_lost_may_have_happened_and_is_not_repeated()
    {
        var losing = new Keys(losesConnection: true);
        var other = new Keys(losesConnection: false);
        await using FakeServer first = await FakeServer.StartAsync(losing);
        await using FakeServer second = await FakeServer.StartAsync(other);
        await using EtcdClient client = Connect(first.Endpoint, second.Endpoint);
        await Assert.ThrowsAsync<EtcdException>(() => client.PutAsync("k", "v"));
        Assert.Equal((1, 0), (losing.Puts, other.Puts));
    }

    [Fact]
    public async Task A_read_is_repeated_at_another_member()
    {
        var losing = new Keys(losesConnection: true);
        var other = new Keys(losesConnection: false);
        await using FakeServer first = await FakeServer.StartAsync(losing);
        await using FakeServer second = await FakeServer.StartAsync(other);
        await using EtcdClient client = Connect(first.Endpoint, second.Endpoint);
        Assert.Equal(0, await client.CountAsync("k"));
        Assert.Equal((1, 1), (losing.Ranges, other.Ranges));
    }

    [Fact]
    public async Task Errors_of_etcd_keep_their_code_and_text()
    {
        var keys = new Keys(losesConnection: false) { Failure = EtcdErrors.NoSpace };
        await using FakeServer server = await FakeServer.StartAsync(keys);
        await using EtcdClient client = Connect(server.Endpoint);
        EtcdException error = await Assert.ThrowsAsync<EtcdException>(() => client.PutAsync("k", "v"));
        Assert.Equal((StatusCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded"), (error.Code, error.Message));
        Assert.Equal(1, keys.Puts);
    }

    private static EtcdClient Connect(params string[] endpoints) =>
        new(new EtcdClientOptions { Endpoints = endpoints, CallTimeout = TimeSpan.FromSeconds(60) });

    private sealed class Keys(bool losesConnection) : KV.KVBase
    {
        public int Puts { get; private set; }

        public int Ranges { get; private set; }

        public EtcdException? Failure { get; init; }

        public override Task<PutResponse> Put(PutRequest request, ServerCallContext context)
        {
            Puts++;
            Lose(context);
            return Task.FromResult(new PutResponse { Header = new ResponseHeader { Revision = 6 + Puts } });
        }

        public override Task<RangeResponse> Range(RangeRequest request, ServerCallContext context)
        {
            Ranges++;
            Lose(context);
            return Task.FromResult(new RangeResponse { Header = new ResponseHeader { Revision = 6 } });
        }

        private void Lose(ServerCallContext context)
        {
            if (Failure is { } failure)
            {
                throw new RpcException(new Status(failure.Code, failure.Message));
            }

            if (losesConnection)
            {
                context.GetHttpContext()
                    .Features.Get<Microsoft.AspNetCore.Connections.Features.IConnectionLifetimeFeature>()?.Abort();
                context.GetHttpContext().Abort();
            }
        }
    }
}
