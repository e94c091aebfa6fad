using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Grpc.Core;
using Quorate.Mvcc;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Server.Replication;
using Quorate.Storage.Bolt;

namespace Quorate.Server.Peers;

/// <summary>Talks to other members as etcd does: HTTP/1.1 with long-lived streams, single posts, and snapshots (spec 04 §2 to §6).</summary>
public sealed class PeerTransport : IPeerTransport
{
    private readonly ConcurrentDictionary<ulong, Peer> _peers = new();
    private readonly CancellationTokenSource _stopped = new();
    private IPeerHandler? _handler;
    private PeerIdentity? _identity;

    /// <param name="handler">Makes connections: with certificates where peers need them.</param>
    public PeerTransport(SocketsHttpHandler handler, TimeProvider time)
    {
        handler.AllowAutoRedirect = false;
        handler.AutomaticDecompression = DecompressionMethods.None;
        Client = new HttpClient(handler)
        {
            DefaultRequestVersion = HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        Time = time;
    }

    /// <summary>Who this member is; known when its ids are, before <see cref="Start"/>.</summary>
    public PeerIdentity Identity
    {
        get => _identity ?? throw new InvalidOperationException("the member's ids are not known yet");
        set => _identity = value;
    }

    public bool IsStarted => _handler is not null;

    internal HttpClient Client { get; }

    internal TimeProvider Time { get; }

    /// <summary>The member's, from <see cref="Start"/> on.</summary>
    internal Operations.MemberMetrics Metrics
    {
        get => field ??= new Operations.MemberMetrics();
        private set;
    }

    internal IPeerHandler Handler => _handler ?? throw new InvalidOperationException("the transport is not started");

    public void Start(IPeerHandler handler)
    {
        _handler = handler;
        if (handler is IMember member)
        {
            Metrics = member.Options.Metrics;
            Identity = new PeerIdentity(member.Id, member.ClusterId, member.AdvertisedVersion, member.Options.PeerUrls);
        }
    }

    public void Send(IReadOnlyList<Message> messages)
    {
        foreach (Message message in messages)
        {
            if (_peers.TryGetValue(message.To, out Peer? peer) && !peer.TrySend(message))
            {
                Handler.ReportUnreachable(message.To);
            }
        }
    }

    public void SendSnapshot(Message message, BoltReadTransaction database) => Task.Run(() => SendSnapshotAsync(message, database));

    public void AddPeer(ulong id, IReadOnlyList<string> urls) => Add(id, urls, isRemote: false);

    public void AddRemote(ulong id, IReadOnlyList<string> urls) => Add(id, urls, isRemote: true);

    public void UpdatePeer(ulong id, IReadOnlyList<string> urls)
    {
        if (_peers.TryGetValue(id, out Peer? peer))
        {
            peer.Urls = urls;
        }
    }

    public void RemovePeer(ulong id)
    {
        if (_peers.TryRemove(id, out Peer? peer))
        {
            _ = peer.DisposeAsync().AsTask();
        }
    }

    public DateTimeOffset? ActiveSince(ulong id) => _peers.TryGetValue(id, out Peer? peer) ? peer.ActiveSince : null;

    public async Task<RemoteCluster?> GetClusterAsync(IReadOnlyList<string> peerUrls, TimeSpan timeout, CancellationToken cancellation)
    {
        foreach (string url in peerUrls)
        {
            try
            {
                using HttpResponseMessage response = await GetAsync($"{url}/members", timeout, cancellation).ConfigureAwait(false);
                byte[] body = await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
                if (response.IsSuccessStatusCode && response.Headers.TryGetValues(PeerHeaders.ClusterId, out IEnumerable<string>? ids)
                    && ulong.TryParse(ids.First(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong cluster))
                {
                    using JsonDocument document = JsonDocument.Parse(body);
                    return new RemoteCluster(cluster, [.. document.RootElement.EnumerateArray().Select(member => ClusterMember.FromJson(member, out _))]);
                }
            }
            catch (Exception error) when (IsFailure(error) || error is JsonException or InvalidOperationException)
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }

        return null;
    }

    public async Task<PeerVersion?> GetVersionAsync(ClusterMember member, CancellationToken cancellation)
    {
        foreach (string url in member.PeerUrls)
        {
            try
            {
                using HttpResponseMessage response = await GetAsync($"{url}/version", TimeSpan.FromSeconds(2), cancellation).ConfigureAwait(false);
                byte[] body = await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
                using JsonDocument document = JsonDocument.Parse(body);
                return new PeerVersion(
                    document.RootElement.GetProperty("etcdserver").GetString() ?? "",
                    document.RootElement.GetProperty("etcdcluster").GetString() ?? "");
            }
            catch (Exception error) when (IsFailure(error) || error is JsonException or KeyNotFoundException or InvalidOperationException)
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }

        return null;
    }

    public async Task<bool?> GetDowngradeEnabledAsync(ClusterMember member, CancellationToken cancellation)
    {
        foreach (string url in member.PeerUrls)
        {
            try
            {
                using HttpResponseMessage response = await GetAsync($"{url}/downgrade/enabled", TimeSpan.FromSeconds(10), cancellation)
                    .ConfigureAwait(false);
                string body = await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
                if (response.IsSuccessStatusCode && bool.TryParse(body, out bool enabled))
                {
                    return enabled;
                }
            }
            catch (Exception error) when (IsFailure(error))
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }

        return null;
    }

    public async Task<byte[]?> PostLeaseAsync(ClusterMember leader, string path, byte[] body, CancellationToken cancellation)
    {
        Exception? failure = null;
        foreach (string url in leader.PeerUrls)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, url + path) { Content = new ByteArrayContent(body) };
                request.Content.Headers.ContentType = new("application/protobuf");
                using HttpResponseMessage response = await Client.SendAsync(request, cancellation).ConfigureAwait(false);
                switch (response.StatusCode)
                {
                    case HttpStatusCode.OK:
                        return await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
                    case HttpStatusCode.NotFound:
                        return null;
                    case HttpStatusCode.RequestTimeout:
                        throw EtcdErrors.TimedOutWaitingForApply;
                }

                failure = new HttpRequestException(await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false));
            }
            catch (Exception error) when (IsFailure(error))
            {
                cancellation.ThrowIfCancellationRequested();
                failure = error;
            }
        }

        throw failure ?? new HttpRequestException("the leader has no peer URL");
    }

    public async Task PromoteAsync(ClusterMember leader, ulong id, string? token, CancellationToken cancellation)
    {
        foreach (string url in leader.PeerUrls)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, string.Create(CultureInfo.InvariantCulture, $"{url}/members/promote/{id}"));
                if (token is not null)
                {
                    request.Headers.TryAddWithoutValidation("Authorization", token);
                }

                using HttpResponseMessage response = await Client.SendAsync(request, cancellation).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }

                string body = await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
                switch (response.StatusCode)
                {
                    case HttpStatusCode.NotFound:
                        throw EtcdErrors.MemberNotFound;
                    case HttpStatusCode.PreconditionFailed when body.Contains("in sync with leader", StringComparison.Ordinal):
                        throw EtcdErrors.LearnerNotReady;
                    case HttpStatusCode.PreconditionFailed:
                        throw EtcdErrors.MemberNotLearner;
                }
            }
            catch (Exception error) when (IsFailure(error))
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }

        throw EtcdErrors.TimedOut;
    }

    public async Task<KeyHash?> GetHashAsync(ClusterMember member, long revision, CancellationToken cancellation)
    {
        foreach (string url in member.PeerUrls)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"{url}/members/hashkv");
                request.Headers.TryAddWithoutValidation(PeerHeaders.ClusterId, Identity.ClusterId.ToString("x"));
                request.Content = new ByteArrayContent(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"revision\":{revision}}}")));
                request.Content.Headers.ContentType = new("application/json");
                using HttpResponseMessage response = await Client.SendAsync(request, cancellation).ConfigureAwait(false);
                if (!response.IsSuccessStatusCode)
                {
                    return null;
                }

                using JsonDocument document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false));
                JsonElement root = document.RootElement;
                long Number(JsonElement element, string name) => element.TryGetProperty(name, out JsonElement value) ? value.GetInt64() : 0;
                long current = root.TryGetProperty("header", out JsonElement header) ? Number(header, "revision") : 0;
                return new KeyHash((uint)Number(root, "hash"), revision, Number(root, "compact_revision"), current);
            }
            catch (Exception error) when (IsFailure(error) || error is JsonException or InvalidOperationException)
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }

        return null;
    }

    public async Task StopAsync()
    {
        await _stopped.CancelAsync().ConfigureAwait(false);
        foreach (ulong id in _peers.Keys)
        {
            if (_peers.TryRemove(id, out Peer? peer))
            {
                await peer.DisposeAsync().ConfigureAwait(false);
            }
        }

        Client.Dispose();
    }

    internal Peer? Find(ulong id) => _peers.GetValueOrDefault(id);

    /// <summary>Messages for somebody else, or from somebody who was removed, do not reach the core (spec 04 §4.1).</summary>
    internal bool MayReceive(Message message) => message.To == Identity.Id && !Handler.IsRemoved(message.From);

    /// <summary>A request with the headers that tell who asks.</summary>
    internal HttpRequestMessage Request(HttpMethod method, string url)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.TryAddWithoutValidation(PeerHeaders.ServerFrom, Identity.Id.ToString("x"));
        request.Headers.TryAddWithoutValidation(PeerHeaders.ServerVersion, Identity.Version);
        request.Headers.TryAddWithoutValidation(PeerHeaders.MinClusterVersion, PeerHeaders.LowestCluster);
        request.Headers.TryAddWithoutValidation(PeerHeaders.ClusterId, Identity.ClusterId.ToString("x"));
        request.Headers.TryAddWithoutValidation(PeerHeaders.PeerUrls, string.Join(',', Identity.PeerUrls));
        return request;
    }

    internal static bool IsFailure(Exception error) =>
        error is HttpRequestException or IOException or OperationCanceledException or UriFormatException or InvalidOperationException
            or ObjectDisposedException or NotSupportedException;

    private void Add(ulong id, IReadOnlyList<string> urls, bool isRemote)
    {
        if (id == Identity.Id || _stopped.IsCancellationRequested)
        {
            return;
        }

        if (_peers.TryGetValue(id, out Peer? known))
        {
            if (!known.IsRemote || isRemote)
            {
                known.Urls = urls;
                return;
            }

            RemovePeer(id);
        }

        _peers.TryAdd(id, new Peer(this, id, urls, isRemote));
    }

    private async Task SendSnapshotAsync(Message message, BoltReadTransaction database)
    {
        bool failed = true;
        long start = Time.GetTimestamp();
        Metrics.SnapshotsInFlight(message.To).Add(1);
        Peer? peer = Find(message.To);
        try
        {
            if (peer is not null)
            {
                using HttpRequestMessage request = Request(HttpMethod.Post, $"{peer.Url}/raft/snapshot");
                request.Content = new SnapshotContent(message, database);
                request.Content.Headers.ContentType = new("application/octet-stream");
                using HttpResponseMessage response = await Client.SendAsync(request, _stopped.Token).ConfigureAwait(false);
                failed = response.StatusCode != HttpStatusCode.NoContent;
            }
        }
        catch (Exception error) when (IsFailure(error))
        {
            // Told below.
        }
        finally
        {
            // Whatever went wrong: a follower of which nothing is told stays in the state of waiting for its snapshot.
            database.Dispose();
            if (failed)
            {
                peer?.SetInactive();
                Handler.ReportUnreachable(message.To);
            }
            else
            {
                peer!.SetActive();
            }

            Metrics.SnapshotsInFlight(message.To).Add(-1);
            (failed ? Metrics.SnapshotSendFailures(message.To) : Metrics.SnapshotsSent(message.To)).Add();
            Metrics.SnapshotSendTimes(message.To).Observe(Time.GetElapsedTime(start));
            Handler.ReportSnapshot(message.To, failed);
        }
    }

    private async Task<HttpResponseMessage> GetAsync(string url, TimeSpan timeout, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        return await Client.GetAsync(url, limit.Token).ConfigureAwait(false);
    }

    /// <summary>A message with its length, and the database up to the end of the body (spec 04 §6.1).</summary>
    private sealed class SnapshotContent(Message message, BoltReadTransaction database) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            byte[] encoded = RaftWire.Encode(message);
            var length = new byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64BigEndian(length, (ulong)encoded.Length);
            await stream.WriteAsync(length).ConfigureAwait(false);
            await stream.WriteAsync(encoded).ConfigureAwait(false);
            database.CopyTo(stream.Write);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
