using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;
using Metadata = Grpc.Core.Metadata;

namespace Quorate.Client;

/// <summary>
/// A client of a cluster: it keeps a connection to each member that it is told of, and goes to the next when one cannot be reached. Errors
/// of etcd come as <see cref="EtcdException"/>. Safe for several threads.
/// </summary>
public sealed partial class EtcdClient : IAsyncDisposable
{
    private readonly EtcdClientOptions _options;
    private readonly ChannelPool _channels;
    private readonly SemaphoreSlim _authenticating = new(1, 1);
    private string? _token;

    public EtcdClient(EtcdClientOptions options)
    {
        _options = options;
        _channels = new ChannelPool(options);
        _token = options.Token;
    }

    /// <param name="endpoints">Client URLs of members.</param>
    public EtcdClient(params string[] endpoints)
        : this(new EtcdClientOptions { Endpoints = endpoints })
    {
    }

    public EtcdClientOptions Options => _options;

    /// <summary>Puts a value; returns the revision.</summary>
    /// <param name="lease">A lease to attach the key to; 0 for none.</param>
    public async Task<long> PutAsync(string key, string value, long lease = 0, CancellationToken cancellation = default)
    {
        var request = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value), Lease = lease };
        PutResponse response = await CallAsync((calls, options) => new KV.KVClient(calls).PutAsync(request, options), isRead: false, cancellation)
            .ConfigureAwait(false);
        return response.Header.Revision;
    }

    /// <summary>The value of a key; null if it is not there.</summary>
    public async Task<KeyValuePair?> GetAsync(string key, CancellationToken cancellation = default)
    {
        IReadOnlyList<KeyValuePair> found = await RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellation).ConfigureAwait(false);
        return found.Count > 0 ? found[0] : null;
    }

    /// <summary>All keys with a prefix, in order; an empty prefix is the whole store.</summary>
    public Task<IReadOnlyList<KeyValuePair>> GetPrefixAsync(string prefix, CancellationToken cancellation = default) =>
        RangeAsync(new RangeRequest { Key = StartOf(prefix), RangeEnd = EndOf(prefix) }, cancellation);

    /// <summary>Deletes a key; returns whether it was there.</summary>
    public async Task<bool> DeleteAsync(string key, CancellationToken cancellation = default)
    {
        var request = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) };
        DeleteRangeResponse response = await CallAsync((calls, options) => new KV.KVClient(calls).DeleteRangeAsync(request, options), isRead: false, cancellation)
            .ConfigureAwait(false);
        return response.Deleted > 0;
    }

    /// <summary>The members by ascending id, confirmed by a quorum.</summary>
    public async Task<IReadOnlyList<MemberInfo>> ListMembersAsync(CancellationToken cancellation = default)
    {
        MemberListResponse response = await CallAsync(
            (calls, options) => new Cluster.ClusterClient(calls).MemberListAsync(new MemberListRequest { Linearizable = true }, options), isRead: true, cancellation)
            .ConfigureAwait(false);
        return [.. response.Members.Select(Info)];
    }

    /// <summary>Adds a member, which then is to be started with the state "existing".</summary>
    public async Task<MemberInfo> AddMemberAsync(IEnumerable<string> peerUrls, bool isLearner = false, CancellationToken cancellation = default)
    {
        var request = new MemberAddRequest { IsLearner = isLearner };
        request.PeerURLs.AddRange(peerUrls);
        MemberAddResponse response = await CallAsync((calls, options) => new Cluster.ClusterClient(calls).MemberAddAsync(request, options), isRead: false, cancellation)
            .ConfigureAwait(false);
        return Info(response.Member);
    }

    public Task RemoveMemberAsync(ulong id, CancellationToken cancellation = default) =>
        CallAsync((calls, options) => new Cluster.ClusterClient(calls).MemberRemoveAsync(new MemberRemoveRequest { ID = id }, options), isRead: false, cancellation);

    public Task UpdateMemberAsync(ulong id, IEnumerable<string> peerUrls, CancellationToken cancellation = default)
    {
        var request = new MemberUpdateRequest { ID = id };
        request.PeerURLs.AddRange(peerUrls);
        return CallAsync((calls, options) => new Cluster.ClusterClient(calls).MemberUpdateAsync(request, options), isRead: false, cancellation);
    }

    /// <summary>Makes a learner a voter.</summary>
    public Task PromoteMemberAsync(ulong id, CancellationToken cancellation = default) =>
        CallAsync((calls, options) => new Cluster.ClusterClient(calls).MemberPromoteAsync(new MemberPromoteRequest { ID = id }, options), isRead: false, cancellation);

    /// <summary>
    /// Makes any unary call of etcd's services, with the client's timeout, token and choice of a member.
    /// </summary>
    /// <param name="isRead">The call changes nothing, so that it may be repeated at another member.</param>
    public async Task<T> CallAsync<T>(Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call, bool isRead, CancellationToken cancellation = default,
        TimeSpan? timeout = null)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                CallOptions options = await OptionsAsync(timeout ?? _options.CallTimeout, cancellation).ConfigureAwait(false);
                return await _channels.CallAsync(invoker => call(invoker, options), isRead, cancellation).ConfigureAwait(false);
            }
            catch (RpcException error) when (attempt == 0 && _options.User is not null && IsStale(error))
            {
                _token = null;
            }
            catch (RpcException error)
            {
                throw Translate(error);
            }
        }
    }

    /// <summary>Opens a stream of etcd's services at the present member.</summary>
    public async Task<T> OpenAsync<T>(Func<CallInvoker, CallOptions, T> call, CancellationToken cancellation, Metadata? headers = null)
    {
        CallOptions options = await OptionsAsync(null, cancellation).ConfigureAwait(false);
        foreach (Metadata.Entry entry in headers ?? [])
        {
            options.Headers!.Add(entry);
        }

        return call(_channels.Current, options);
    }

    /// <summary>The error as etcd means it: its text, with the code of the wire.</summary>
    public static Exception Translate(RpcException error) => new EtcdException(error.StatusCode, error.Status.Detail);

    /// <summary>Gets a token now, if there is a user; it is done by itself before the first call otherwise.</summary>
    public async Task AuthenticateAsync(CancellationToken cancellation = default)
    {
        if (_options.User is null || _token is not null)
        {
            return;
        }

        await _authenticating.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (_token is null)
            {
                var request = new AuthenticateRequest { Name = _options.User, Password = _options.Password ?? "" };
                var limit = new CallOptions(deadline: DateTime.UtcNow + (_options.CallTimeout ?? TimeSpan.FromSeconds(5)), cancellationToken: cancellation);
                AuthenticateResponse response = await _channels.CallAsync(calls => new Auth.AuthClient(calls).AuthenticateAsync(request, limit), isRead: true, cancellation)
                    .ConfigureAwait(false);
                _token = response.Token;
            }
        }
        catch (RpcException error) when (error.Status.Detail == "etcdserver: authentication is not enabled")
        {
            _token = "";
        }
        catch (RpcException error)
        {
            throw Translate(error);
        }
        finally
        {
            _authenticating.Release();
        }
    }

    public ValueTask DisposeAsync()
    {
        _channels.Dispose();
        _authenticating.Dispose();
        return default;
    }

    private async ValueTask<CallOptions> OptionsAsync(TimeSpan? timeout, CancellationToken cancellation)
    {
        await AuthenticateAsync(cancellation).ConfigureAwait(false);
        var headers = new Metadata();
        if (!string.IsNullOrEmpty(_token))
        {
            headers.Add("token", _token);
        }

        return new CallOptions(headers, timeout is { } limit ? DateTime.UtcNow + limit : null, cancellation);
    }

    private async Task<IReadOnlyList<KeyValuePair>> RangeAsync(RangeRequest request, CancellationToken cancellation)
    {
        RangeResponse response = await CallAsync((calls, options) => new KV.KVClient(calls).RangeAsync(request, options), isRead: true, cancellation)
            .ConfigureAwait(false);
        return [.. response.Kvs.Select(Pair)];
    }

    private static bool IsStale(RpcException error) => error.Status.Detail is "etcdserver: invalid auth token" or "etcdserver: user name is empty"
        or "etcdserver: revision of auth store is old";

    private static KeyValuePair Pair(Protocol.KeyValues.KeyValue pair) =>
        new(pair.Key.Memory, pair.Value.Memory, pair.CreateRevision, pair.ModRevision, pair.Version, pair.Lease);

    private static MemberInfo Info(Member member) => new(member.ID, member.Name, [.. member.PeerURLs], [.. member.ClientURLs], member.IsLearner);

    private static ByteString StartOf(string prefix) => prefix.Length == 0 ? ByteString.CopyFrom(0) : ByteString.CopyFromUtf8(prefix);

    private static ByteString EndOf(string prefix)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(prefix);
        for (int index = bytes.Length - 1; index >= 0; index--)
        {
            if (bytes[index] < 0xff)
            {
                bytes[index]++;
                return ByteString.CopyFrom(bytes, 0, index + 1);
            }
        }

        return ByteString.CopyFrom(0);
    }
}
