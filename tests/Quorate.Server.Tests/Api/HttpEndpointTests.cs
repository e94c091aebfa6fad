using System.Net;
using System.Text.Json;
using Quorate.Protocol;
using Quorate.Server.Api;
using static Quorate.Server.Tests.Api.Calls;

namespace Quorate.Server.Tests.Api;

/// <summary>Health, version and what guards them (spec 03 §8).</summary>
public sealed class HttpEndpointTests
{
    [Fact]
    public async Task A_healthy_member_says_so_in_etcds_words()
    {
        await using TestServer server = await TestServer.StartAsync();
        Assert.Equal((200, """{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}"""), await GetAsync(server, "/version"));
        Assert.Equal((200, """{"health":"true","reason":""}"""), await GetAsync(server, "/health"));
        Assert.Equal((200, "ok\n"), await GetAsync(server, "/livez"));
        Assert.Equal((200, "[+]serializable_read ok\nok\n"), await GetAsync(server, "/livez?verbose"));
        Assert.Equal((200, "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n"),
            await GetAsync(server, "/readyz?verbose"));
        Assert.Equal((200, "ok\n"), await GetAsync(server, "/readyz/linearizable_read"));
        foreach (string path in (string[])["/readyz/nope", "/readyz/", "/nope", "/", "/livez/data_corruption"])
        {
            Assert.Equal(404, (await GetAsync(server, path)).Status);
        }

        using JsonDocument variables = JsonDocument.Parse((await GetAsync(server, "/debug/vars")).Body);
        Assert.Equal(server.Member.Id.ToString("x"), variables.RootElement.GetProperty("raft.status").GetProperty("lead")
            .GetString());
    }

    [Fact]
    public async Task Only_get_is_allowed()
    {
        await using TestServer server = await TestServer.StartAsync();
        foreach (string path in (string[])["/version", "/health", "/livez", "/readyz/non_learner"])
        {
            foreach (HttpMethod method in (HttpMethod[])[HttpMethod.Head, HttpMethod.Post])
            {
                using HttpResponseMessage response = await server.Http.SendAsync(new HttpRequestMessage(method, path));
                Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
                Assert.Equal("GET", response.Content.Headers.Allow.Single());
            }
        }
    }

    [Fact]
    public async Task Alarms_show_in_health_unless_they_are_excluded()
    {
        await using TestServer server = await TestServer.StartAsync();
        var upkeep = new Maintenance.MaintenanceClient(server.Channel);
        upkeep.Alarm(new AlarmRequest
        {
            Action = AlarmRequest.Types.AlarmAction.Activate,
            Alarm = AlarmType.Nospace,
            MemberID = 7
        });
        Assert.Equal((503, "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n"), await GetAsync(server, "/health"));
        Assert.Equal(200, (await GetAsync(server, "/health?exclude=NOSPACE")).Status);
        Assert.Equal(503, (await GetAsync(server, "/health?exclude=nospace")).Status);
        Assert.Equal((200, "ok\n"), await GetAsync(server, "/readyz"));
        upkeep.Alarm(new AlarmRequest
        {
            Action = AlarmRequest.Types.AlarmAction.Activate,
            Alarm = AlarmType.Corrupt,
            MemberID = 7
        });
        Assert.Equal(200, (await GetAsync(server, "/health?exclude=NOSPACE&exclude=CORRUPT")).Status);
        (int status, string body) = await GetAsync(server, "/readyz");
        Assert.Equal(503, status);
        Assert.Equal("[-]data_corruption failed: alarm activated: CORRUPT\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\n\n", body);
        Assert.Equal((200, "[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n"),
            await GetAsync(server, "/readyz?exclude=data_corruption&verbose"));
        Assert.Equal((200, "ok\n"), await GetAsync(server, "/livez?exclude=unknown"));
        lock (server.Lines)
        {
            Assert.Contains(server.Lines, line => line.Message == "some health checks cannot be excluded");
        }
    }

    [Fact]
    public async Task Hosts_that_are_not_listed_are_turned_away_and_origins_told_apart()
    {
        var options = new ApiOptions { HostWhitelist = ["good"], CorsOrigins = ["http://a.example:80"] };
        await using TestServer server = await TestServer.StartAsync(api: options);
        (int status, string body) = await GetAsync(server, "/health");
        Assert.Equal(421, status);
        Assert.Contains("etcd received your request, but the Host header was unrecognized.", body);
        Assert.Contains("--host-whitelist \"localhost\"", body);
        Assert.Equal(371, body.Length - "localhost".Length + "127.0.0.1".Length);
        foreach ((string origin, bool isAllowed) in ((string, bool)[])[("http://a.example:80", true),
            ("http://a.example", false)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/health");
            request.Headers.Host = "good:2379";
            request.Headers.Add("Origin", origin);
            using HttpResponseMessage response = await server.Http.SendAsync(request);
            Assert.Equal(200, (int)response.StatusCode);
            Assert.Equal(isAllowed, response.Headers.TryGetValues("Access-Control-Allow-Origin", out IEnumerable<string>? allowed)
                && allowed.Single() == origin);
        }

        server.Keys.Put(new PutRequest { Key = Bytes("grpc is not affected") });
    }

    [Fact]
    public async Task Older_versions_speak_in_their_own_forms()
    {
        await using TestServer server = await TestServer.StartAsync(options =>
            options with { CompatVersion = new Version(3, 5) });
        Assert.Equal((200, """{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}"""), await GetAsync(server, "/version"));
        using HttpResponseMessage wrong = await server.Http.GetAsync("/v3/kv/range");
        Assert.Equal((405, "Method Not Allowed"), ((int)wrong.StatusCode, await wrong.Content.ReadAsStringAsync()));
        using HttpResponseMessage failed = await server.Http.PostAsync("/v3/kv/range", new StringContent("{}"));
        Assert.Equal("""{"error":"etcdserver: key is not provided","code":3,"message":"etcdserver: key is not provided"}""",
            await failed.Content.ReadAsStringAsync());
        Assert.Equal((12, "unknown method RangeStream for service etcdserverpb.KV"),
            await FailureAsync(async () =>
                await server.Keys.RangeStream(new RangeRequest()).ResponseStream.MoveNext(CancellationToken.None)));
    }

    private static async Task<(int Status, string Body)> GetAsync(TestServer server, string path)
    {
        using HttpResponseMessage response = await server.Http.GetAsync(path);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
