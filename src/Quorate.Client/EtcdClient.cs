using Grpc.Core;
using Quorate.Protocol;
using Metadata = Grpc.Core.Metadata;

namespace Quorate.Client;

/// <summary>
/// A client of a cluster: it keeps a connection to each member that it is told of, and goes to the next when one cannot be
/// reached. Errors of etcd come as <see cref="EtcdException"/>. Safe for several threads.
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

    /// <summary>The members by ascending id, confirmed by a quorum.</summary>
    public async Task<IReadOnlyList<MemberInfo>> ListMembersAsync(CancellationToken cancellation = default)
    {
        MemberListResponse response = await CallAsync(
            (calls, options) => new Cluster.ClusterClient(calls)
                .MemberListAsync(new MemberListRequest { Linearizable = true }, options), isRead: true, cancellation)
            .ConfigureAwait(false);
        return [.. response.Members.Select(Info)];
    }

    /// <summary>Adds a member, which then is to be started with the state "existing".</summary>
    public async Task<MemberInfo> AddMemberAsync(IEnumerable<string> peerUrls, bool isLearner = false,
        CancellationToken cancellation = default)
    {
        var request = new MemberAddRequest { IsLearner = isLearner };
        request.PeerURLs.AddRange(peerUrls);
        MemberAddResponse response = await CallAsync((calls, options) =>
            new Cluster.ClusterClient(calls).MemberAddAsync(request, options), isRead: false, cancellation)
            .ConfigureAwait(false);
        return Info(response.Member);
    }

    public Task RemoveMemberAsync(ulong id, CancellationToken cancellation = default) =>
        CallAsync((calls, options) => new Cluster.ClusterClient(calls)
            .MemberRemoveAsync(new MemberRemoveRequest { ID = id }, options), isRead: false, cancellation);

    public Task UpdateMemberAsync(ulong id, IEnumerable<string> peerUrls, CancellationToken cancellation = default)
    {
        var request = new MemberUpdateRequest { ID = id };
        request.PeerURLs.AddRange(peerUrls);
        return CallAsync((calls, options) => new Cluster.ClusterClient(calls).MemberUpdateAsync(request, options), isRead: false,
            cancellation);
    }

    /// <summary>Makes a learner a voter.</summary>
    public Task PromoteMemberAsync(ulong id, CancellationToken cancellation = default) =>
        CallAsync((calls, options) => new Cluster.ClusterClient(calls)
            .MemberPromoteAsync(new MemberPromoteRequest { ID = id }, options), isRead: false, cancellation);

    /// <summary>
    /// Makes any unary call of etcd's services, with the client's timeout, token and choice of a member.
    /// </summary>
    /// <param name="isRead">The call changes nothing, so that it may be repeated at another member.</param>
    public async Task<T> CallAsync<T>(Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call, bool isRead,
        CancellationToken cancellation = default,
        TimeSpan? timeout = null)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                CallOptions options = await OptionsAsync(timeout ?? _options.CallTimeout, cancellation).ConfigureAwait(false);
                return await _channels.CallAsync(invoker => call(invoker, options), isRead, cancellation).ConfigureAwait(false);
            }
            catch (RpcException error) when (attempt == 0 && IsStale(error) && ForgetToken())
            {
                // It was refused before it could have an effect: made again with a new token.
            }
            catch (RpcException error)
            {
                throw Translate(error);
            }
        }
    }

    /// <summary>Opens a stream of etcd's services at the present member.</summary>
    public async Task<T> OpenAsync<T>(Func<CallInvoker, CallOptions, T> call, CancellationToken cancellation,
        Metadata? headers = null)
    {
        CallOptions options = await OptionsAsync(null, cancellation).ConfigureAwait(false);
        foreach (Metadata.Entry entry in headers ?? [])
        {
            options.Headers!.Add(entry);
        }

        return call(_channels.Current, options);
    }

    /// <summary>Gets a new token before the next call; false if there is no user to get one for.</summary>
    internal bool ForgetToken()
    {
        if (_options.User is null)
        {
            return false;
        }

        _token = null;
        return true;
    }

    /// <summary>Later calls go to the next member first.</summary>
    internal void UseNextMember() => _channels.Next();

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
                var limit = new CallOptions(deadline: DateTime.UtcNow + (_options.CallTimeout ?? TimeSpan.FromSeconds(5)),
                    cancellationToken: cancellation);
                AuthenticateResponse response = await _channels.CallAsync(calls =>
                    new Auth.AuthClient(calls).AuthenticateAsync(request, limit), isRead: true, cancellation)
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

    internal static bool IsStale(RpcException error) =>
        error.Status.Detail is "etcdserver: invalid auth token" or "etcdserver: user name is empty"
        or "etcdserver: revision of auth store is old";

    private static MemberInfo Info(Member member) =>
        new(member.ID, member.Name, [.. member.PeerURLs], [.. member.ClientURLs], member.IsLearner);
}
