using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Quorate.Mvcc;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Protocol.Leases;
using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Server.Replication;

namespace Quorate.Server.Peers;

/// <summary>What a member answers on its peer URLs (spec 04 §4).</summary>
public sealed class PeerEndpoints(IMember member, IPeerHandler handler, PeerTransport transport)
{
    private const int MaxMessage = 64 * 1024 * 1024, MaxLeaseBody = 64 * 1024;

    private static readonly TimeSpan s_applyWait = TimeSpan.FromSeconds(1);

    public Task HandleAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        return path switch
        {
            "/raft" => PostMessageAsync(context),
            "/raft/snapshot" => PostSnapshotAsync(context),
            "/raft/probing" => ProbeAsync(context),
            "/members" => GetMembersAsync(context),
            "/version" => GetVersionAsync(context),
            "/leases" => RenewLeaseAsync(context),
            "/leases/internal" => LeaseTimeToLiveAsync(context),
            "/downgrade/enabled" => DowngradeEnabledAsync(context),
            "/members/hashkv" => HashAsync(context),
            _ when path.StartsWith("/raft/stream/", StringComparison.Ordinal) => StreamAsync(context, path["/raft/stream/".Length..]),
            _ when path.StartsWith("/members/promote/", StringComparison.Ordinal) => PromoteAsync(context, path["/members/promote/".Length..]),
            _ => ErrorAsync(context, 404, "404 page not found"),
        };
    }

    /// <summary>The JSON of /version, which the client port serves too.</summary>
    public static byte[] VersionJson(IMember member)
    {
        string cluster = member.Cluster.Version is { } version ? $"{version.Major}.{version.Minor}.0" : "not_decided";
        string json = MemberJson.Object(writer =>
        {
            writer.WriteString("etcdserver", member.AdvertisedVersion);
            writer.WriteString("etcdcluster", cluster);
            if (member.Options.CompatVersion >= new Version(3, 6))
            {
                string storage = Encoding.ASCII.GetString(member.Backend.ReadMeta(Storage.Schema.MetaKeys.StorageVersion));
                writer.WriteString("storage", storage.Length > 0 ? storage : "3.5.0");
            }
        });
        return Encoding.UTF8.GetBytes(json);
    }

    private async Task PostMessageAsync(HttpContext context)
    {
        if (!await IsVerbAsync(context, "POST") || !await IsCompatibleAsync(context))
        {
            return;
        }

        RegisterRemote(context);
        byte[] body = await ReadBodyAsync(context, MaxMessage);
        Message message;
        try
        {
            message = RaftWire.DecodeMessage(body);
        }
        catch (FormatException)
        {
            await ErrorAsync(context, 400, "error unmarshalling raft message");
            return;
        }

        if (!transport.MayReceive(message))
        {
            await ErrorAsync(context, 500, "error processing raft message");
            return;
        }

        handler.Receive(message);
        context.Response.StatusCode = 204;
    }

    private async Task StreamAsync(HttpContext context, string path)
    {
        if (!await IsVerbAsync(context, "GET"))
        {
            return;
        }

        context.Response.Headers[PeerHeaders.ServerVersion] = transport.Identity.Version;
        if (!await IsCompatibleAsync(context))
        {
            return;
        }

        string[] parts = path.Split('/');
        if (parts[0] is not ("message" or "msgapp"))
        {
            await ErrorAsync(context, 404, "invalid path");
            return;
        }

        if (parts.Length != 2 || !ulong.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong from))
        {
            await ErrorAsync(context, 404, "invalid from");
            return;
        }

        if (handler.IsRemoved(from))
        {
            await ErrorAsync(context, 410, "removed member");
            return;
        }

        if (transport.Find(from) is not { IsRemote: false } peer)
        {
            RegisterRemote(context);
            await ErrorAsync(context, 404, "error sender not found");
            return;
        }

        if (context.Request.Headers[PeerHeaders.RaftTo] != transport.Identity.Id.ToString("x"))
        {
            await ErrorAsync(context, 412, "to field mismatch");
            return;
        }

        // The body has no end, and may be idle for long.
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        await context.Response.StartAsync(context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        using OutgoingStream stream = peer.Attach(isAppendStream: parts[0] == "msgapp");
        try
        {
            await stream.RunAsync(context.Response.BodyWriter, transport.Time, context.RequestAborted);
        }
        finally
        {
            peer.Detach(stream);
        }
    }

    private async Task PostSnapshotAsync(HttpContext context)
    {
        if (!await IsVerbAsync(context, "POST") || !await IsCompatibleAsync(context))
        {
            return;
        }

        RegisterRemote(context);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }

        Message message;
        try
        {
            var length = new byte[sizeof(ulong)];
            await context.Request.Body.ReadExactlyAsync(length, context.RequestAborted);
            ulong size = BinaryPrimitives.ReadUInt64BigEndian(length);
            if (size > MaxMessage)
            {
                throw new FormatException("rafthttp: error limit exceeded");
            }

            var body = new byte[size];
            await context.Request.Body.ReadExactlyAsync(body, context.RequestAborted);
            message = RaftWire.DecodeMessage(body);
        }
        catch (Exception error) when (error is FormatException or EndOfStreamException)
        {
            await ErrorAsync(context, 400, $"failed to decode raft message ({(error is EndOfStreamException ? "unexpected EOF" : error.Message)})");
            return;
        }

        if (message.Type != MessageType.Snap || message.Snapshot is null)
        {
            await ErrorAsync(context, 400, "wrong raft message type");
            return;
        }

        try
        {
            await SaveDatabaseAsync(context, message.Snapshot.Metadata.Index);
        }
        catch (IOException error)
        {
            await ErrorAsync(context, 500, $"failed to save KV snapshot ({error.Message})");
            return;
        }

        // Only when the database is safely stored may the core learn of the snapshot.
        if (!transport.MayReceive(message))
        {
            await ErrorAsync(context, 500, "failed to process raft message (mismatch or removed member)");
            return;
        }

        handler.Receive(message);
        context.Response.StatusCode = 204;
    }

    private async Task SaveDatabaseAsync(HttpContext context, ulong index)
    {
        string directory = handler.SnapshotDirectory;
        string temporary = Path.Combine(directory, $"tmp{RandomNumberGenerator.GetInt32(int.MaxValue)}");
        string final = Path.Combine(directory, $"{index:x16}.snap.db");
        try
        {
            await using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 1 << 16))
            {
                await context.Request.Body.CopyToAsync(file, context.RequestAborted);
                file.Flush(flushToDisk: true);
            }

            if (!File.Exists(final))
            {
                File.Move(temporary, final);
                Storage.Files.LocalFileSystem.Instance.SyncDirectory(directory);
            }
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private async Task ProbeAsync(HttpContext context)
    {
        string now = transport.Time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'00Z'", CultureInfo.InvariantCulture);
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync($"{{\"OK\":true,\"Now\":\"{now}\"}}\n", context.RequestAborted);
    }

    private async Task GetMembersAsync(HttpContext context)
    {
        if (await IsVerbAsync(context, "GET"))
        {
            SetClusterId(context);
            await WriteJsonAsync(context, MembersJson(member.Cluster));
        }
    }

    private async Task PromoteAsync(HttpContext context, string id)
    {
        if (!await IsVerbAsync(context, "POST"))
        {
            return;
        }

        SetClusterId(context);
        if (!ulong.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out ulong learner))
        {
            await ErrorAsync(context, 404, $"member {id} not found in cluster");
            return;
        }

        try
        {
            string? token = context.Request.Headers.Authorization.FirstOrDefault();
            member.Auth.CheckAdmin(member.Auth.IsEnabled && token is not null ? member.Auth.Resolve(token) : null);
            await member.PromoteMemberAsync(learner, token, context.RequestAborted);
            await WriteJsonAsync(context, MembersJson(member.Cluster));
        }
        catch (EtcdException error)
        {
            await (error.Message switch
            {
                "etcdserver: member not found" => ErrorAsync(context, 404, "membership: ID not found"),
                "etcdserver: can only promote a learner member" => ErrorAsync(context, 412, "membership: can only promote a learner member"),
                "etcdserver: can only promote a learner member which is in sync with leader" => ErrorAsync(context, 412, error.Message),
                _ => InternalErrorAsync(context),
            });
        }
    }

    private async Task GetVersionAsync(HttpContext context)
    {
        if (await IsVerbAsync(context, "GET"))
        {
            context.Response.ContentType = "application/json";
            await context.Response.Body.WriteAsync(VersionJson(member), context.RequestAborted);
        }
    }

    private async Task RenewLeaseAsync(HttpContext context)
    {
        if (await ReadLeaseBodyAsync(context) is not { } body)
        {
            return;
        }

        try
        {
            LeaseKeepAliveRequest request = LeaseKeepAliveRequest.Parser.ParseFrom(body);
            long? ttl = await member.RenewLocalLeaseAsync(request.ID, context.RequestAborted);
            if (ttl is null)
            {
                await ErrorAsync(context, 404, "lease not found");
                return;
            }

            await WriteProtobufAsync(context, new LeaseKeepAliveResponse { ID = request.ID, TTL = ttl.Value });
        }
        catch (InvalidProtocolBufferException)
        {
            await ErrorAsync(context, 400, "error unmarshalling request");
        }
        catch (NotPrimaryException error)
        {
            await ErrorAsync(context, 400, error.Message);
        }
        catch (EtcdException)
        {
            await ErrorAsync(context, 408, "waiting for node to catch up its applied index has timed out");
        }
    }

    private async Task LeaseTimeToLiveAsync(HttpContext context)
    {
        if (await ReadLeaseBodyAsync(context) is not { } body)
        {
            return;
        }

        try
        {
            LeaseTimeToLiveRequest request = LeaseInternalRequest.Parser.ParseFrom(body).LeaseTimeToLiveRequest ?? new LeaseTimeToLiveRequest();
            LeaseTimeToLiveResponse response = await member.LocalLeaseTimeToLiveAsync(request.ID, request.Keys, context.RequestAborted);
            if (response.TTL == -1 && response.GrantedTTL == 0)
            {
                await ErrorAsync(context, 404, "lease not found");
                return;
            }

            response.Header = new ResponseHeader();
            await WriteProtobufAsync(context, new LeaseInternalResponse { LeaseTimeToLiveResponse = response });
        }
        catch (InvalidProtocolBufferException)
        {
            await ErrorAsync(context, 400, "error unmarshalling request");
        }
        catch (NotPrimaryException error)
        {
            await ErrorAsync(context, 500, error.Message);
        }
        catch (EtcdException)
        {
            await ErrorAsync(context, 408, "waiting for node to catch up its applied index has timed out");
        }
    }

    private async Task DowngradeEnabledAsync(HttpContext context)
    {
        if (!await IsVerbAsync(context, "GET"))
        {
            return;
        }

        SetClusterId(context);
        try
        {
            await member.ReadBarrierAsync(context.RequestAborted);
            context.Response.ContentType = "text/plain";
            await context.Response.WriteAsync(member.Cluster.DowngradeTarget is null ? "false" : "true", context.RequestAborted);
        }
        catch (EtcdException error)
        {
            await ErrorAsync(context, 500, $"failed linearized read: {error.Message}");
        }
    }

    private async Task HashAsync(HttpContext context)
    {
        if (!await IsVerbAsync(context, "GET"))
        {
            return;
        }

        string? cluster = context.Request.Headers[PeerHeaders.ClusterId].FirstOrDefault();
        if (!string.IsNullOrEmpty(cluster) && cluster != transport.Identity.ClusterId.ToString("x"))
        {
            await ErrorAsync(context, 412, "cluster ID mismatch");
            return;
        }

        long revision;
        try
        {
            using JsonDocument document = JsonDocument.Parse(await ReadBodyAsync(context, MaxLeaseBody));
            revision = document.RootElement.TryGetProperty("revision", out JsonElement value) ? value.GetInt64() : 0;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            await ErrorAsync(context, 400, "error unmarshalling request");
            return;
        }

        try
        {
            KeyHash hash = member.Keyspace.HashKv(revision);
            SetClusterId(context);
            await WriteJsonAsync(context, MemberJson.Object(writer =>
            {
                writer.WriteStartObject("header");
                writer.WriteNumber("revision", hash.Revision);
                writer.WriteEndObject();
                if (hash.Hash != 0)
                {
                    writer.WriteNumber("hash", hash.Hash);
                }

                if (hash.CompactRevision != 0)
                {
                    writer.WriteNumber("compact_revision", hash.CompactRevision);
                }

                if (member.Options.CompatVersion >= new Version(3, 6))
                {
                    writer.WriteNumber("hash_revision", hash.HashRevision);
                }
            }));
        }
        catch (EtcdException error)
        {
            await ErrorAsync(context, 400, error.Message["etcdserver: ".Length..]);
        }
    }

    private async Task<byte[]?> ReadLeaseBodyAsync(HttpContext context)
    {
        if (context.Request.Method != "POST")
        {
            await ErrorAsync(context, 405, "Method Not Allowed");
            return null;
        }

        try
        {
            byte[] body = await ReadBodyAsync(context, MaxLeaseBody);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
            limit.CancelAfter(s_applyWait);
            await member.WaitAppliedAsync(member.CommittedIndex, limit.Token);
            return body;
        }
        catch (OperationCanceledException)
        {
            await ErrorAsync(context, 408, "waiting for node to catch up its applied index has timed out");
        }
        catch (BadHttpRequestException)
        {
            await ErrorAsync(context, 413, "request body too large");
        }

        return null;
    }

    /// <summary>Whether the other side may talk to this member at all (spec 04 §3.2).</summary>
    private async Task<bool> IsCompatibleAsync(HttpContext context)
    {
        SetClusterId(context);
        IHeaderDictionary headers = context.Request.Headers;
        Version server = EtcdVersion.ParseMinor(headers[PeerHeaders.ServerVersion].FirstOrDefault() ?? "2.0.0") ?? new Version(2, 0);
        Version lowest = EtcdVersion.ParseMinor(headers[PeerHeaders.MinClusterVersion].FirstOrDefault() ?? "2.0.0") ?? new Version(2, 0);
        if (server < new Version(3, 0) || lowest > EtcdVersion.ParseMinor(transport.Identity.Version))
        {
            await ErrorAsync(context, 412, "incompatible version");
            return false;
        }

        if (headers[PeerHeaders.ClusterId] != transport.Identity.ClusterId.ToString("x"))
        {
            await ErrorAsync(context, 412, "cluster ID mismatch");
            return false;
        }

        return true;
    }

    private void RegisterRemote(HttpContext context)
    {
        string? from = context.Request.Headers[PeerHeaders.ServerFrom].FirstOrDefault(), urls = context.Request.Headers[PeerHeaders.PeerUrls].FirstOrDefault();
        if (!string.IsNullOrEmpty(urls) && ulong.TryParse(from, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong id)
            && transport.Find(id) is null && !handler.IsRemoved(id))
        {
            transport.AddRemote(id, urls.Split(','));
        }
    }

    private void SetClusterId(HttpContext context) =>
        context.Response.Headers[PeerHeaders.ClusterId] = transport.Identity.ClusterId.ToString("x");

    private static string MembersJson(ClusterView view)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, MemberJson.Options))
        {
            writer.WriteStartArray();
            foreach (ClusterMember each in view.Sorted)
            {
                each.WriteTo(writer);
            }

            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    private static async Task<bool> IsVerbAsync(HttpContext context, string verb)
    {
        if (context.Request.Method == verb)
        {
            return true;
        }

        context.Response.Headers.Allow = verb;
        await ErrorAsync(context, 405, "Method Not Allowed");
        return false;
    }

    private static async Task<byte[]> ReadBodyAsync(HttpContext context, long limit)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = limit;
        }

        using var buffer = new MemoryStream();
        await context.Request.Body.CopyToAsync(buffer, context.RequestAborted);
        return buffer.ToArray();
    }

    private static Task ErrorAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers["X-Content-Type-Options"] = "nosniff";
        return context.Response.WriteAsync(text + "\n", context.RequestAborted);
    }

    private static Task InternalErrorAsync(HttpContext context)
    {
        context.Response.StatusCode = 500;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync("{\"message\":\"Internal Server Error\"}", context.RequestAborted);
    }

    private static Task WriteJsonAsync(HttpContext context, string json)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json, context.RequestAborted);
    }

    private static async Task WriteProtobufAsync(HttpContext context, IMessage message)
    {
        context.Response.ContentType = "application/protobuf";
        await context.Response.Body.WriteAsync(message.ToByteArray(), context.RequestAborted);
    }
}
