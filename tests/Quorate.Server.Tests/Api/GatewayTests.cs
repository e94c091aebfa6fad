using System.Net;
using System.Text;
using System.Text.Json;

namespace Quorate.Server.Tests.Api;

/// <summary>JSON over HTTP/1.1 (spec 01 §5, §9).</summary>
public sealed class GatewayTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Names_numbers_and_bytes_have_etcds_forms()
    {
        await PostAsync("/v3/kv/put", """{"key":"YQ==","value":"Mw"}""");
        string header = $"\"cluster_id\":\"{_server.Member.ClusterId}\",\"member_id\":\"{_server.Member.Id}\",\"revision\":\"2\",\"raft_term\":\"{_server.Member.Term}\"";
        Assert.Equal($$$"""{"header":{{{{header}}}},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1","value":"Mw=="}],"count":"1"}""",
            await PostAsync("/v3/kv/range", """{"key":"YQ=="}"""));
        Assert.Equal($$$"""{"header":{{{{header}}}}}""", await PostAsync("/v3/kv/range", """{"key":"eg"}"""));
    }

    [Theory]
    [InlineData("""{"key":"AA==","rangeEnd":"AA==","limit":1,"sort_order":2,"sort_target":"MOD"}""", "b")]
    [InlineData("""{"key":"AA==","range_end":"AA==","limit":"1","sortOrder":"ASCEND","sort_target":3,"unknown":{"x":[1,2]}}""", "a")]
    [InlineData("""{"key":"AA==","range_end":"AA==","limit":1,"sort_order":"NO_SUCH_ORDER","revision":null} trailing""", "a")]
    public async Task Input_is_taken_in_all_its_forms(string json, string expected)
    {
        await PostAsync("/v3/kv/put", """{"key":"YQ"}""");
        await PostAsync("/v3beta/kv/put", """{"key":"Yg"}""");
        using JsonDocument answer = JsonDocument.Parse(await PostAsync("/v3/kv/range", json));
        Assert.Equal(expected,
            Encoding.UTF8.GetString(answer.RootElement.GetProperty("kvs")[0].GetProperty("key").GetBytesFromBase64()));
        Assert.True(answer.RootElement.GetProperty("more").GetBoolean());
        Assert.Equal("2", answer.RootElement.GetProperty("count").GetString());
    }

    [Theory]
    [InlineData("/v3/kv/range", "", 400, """{"code":3,"message":"etcdserver: key is not provided"}""")]
    [InlineData("/v3/lease/revoke", """{"ID":"999"}""", 404, """{"code":5,"message":"etcdserver: requested lease not found"}""")]
    [InlineData("/v3/kv/lease/revoke", """{"ID":999}""", 404, """{"code":5,"message":"etcdserver: requested lease not found"}""")]
    [InlineData("/v3/kv/compaction", """{"revision":"100"}""", 400, """{"code":11,"message":"etcdserver: mvcc: required revision is a future revision"}""")]
    [InlineData("/v3/auth/authenticate", """{"name":"x"}""", 400, """{"code":9,"message":"etcdserver: authentication is not enabled"}""")]
    [InlineData("/v3/kv/range", """{"key":""", 400, """{"code":3,"message":"unexpected EOF"}""")]
    [InlineData("/v3/lock/unlock", "{}", 500, """{"code":2,"message":"etcdserver: key is not provided"}""")]
    [InlineData("/v3/election/proclaim", "{}", 500, """{"code":2,"message":"\"leader\" field must be provided"}""")]
    [InlineData("/v3/nope", "{}", 404, """{"code":5, "message":"Not Found"}""")]
    [InlineData("/v3/kv/range/", "{}", 404, """{"code":5, "message":"Not Found"}""")]
    [InlineData("/v3alpha/kv/range", "{}", 404, "404 page not found\n")]
    public async Task Errors_have_the_code_the_status_and_the_form(string path, string json, int status, string body)
    {
        using HttpResponseMessage response = await _server.Http.PostAsync(path, new StringContent(json));
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(body.Replace("\\\"", "\\u0022", StringComparison.Ordinal), await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("""{"key":"!!"}""")]
    [InlineData("""{"key":5}""")]
    [InlineData("""{"key":"YQ","limit":"many"}""")]
    [InlineData("""{"key":"YQ","limit":1.5}""")]
    [InlineData("""{"key":"YQ","serializable":"true"}""")]
    [InlineData("[]")]
    public async Task What_is_not_the_message_is_refused(string json)
    {
        using HttpResponseMessage response = await _server.Http.PostAsync("/v3/kv/range", new StringContent(json));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.StartsWith("""{"code":3,""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Another_verb_is_not_implemented()
    {
        using HttpResponseMessage response = await _server.Http.GetAsync("/v3/kv/range");
        Assert.Equal(501, (int)response.StatusCode);
        Assert.Equal("""{"code":12, "message":"Method Not Allowed"}""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Two_keep_alives_in_one_body_give_two_lines_and_the_end()
    {
        await PostAsync("/v3/lease/grant", """{"TTL":100,"ID":555}""");
        string answer = await PostAsync("/v3/lease/keepalive", """{"ID":"555"}{"ID":"556"}""");
        string[] lines = answer.Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.EndsWith(",\"ID\":\"555\",\"TTL\":\"100\"}}", lines[0]);
        Assert.EndsWith(",\"ID\":\"556\"}}", lines[1]);
        Assert.Equal("", await PostAsync("/v3/lease/keepalive", "{nonsense"));
    }

    [Fact]
    public async Task A_watch_tells_each_message_in_a_line_as_it_comes()
    {
        await PostAsync("/v3/kv/put", """{"key":"YQ","value":"Mw"}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v3/watch")
        {
            Content = new StringContent("""{"create_request":{"key":"YQ==","start_revision":"2"}}"""),
        };
        using HttpResponseMessage response = await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.EndsWith("\"created\":true}}", await reader.ReadLineAsync());
        Assert.EndsWith("""
            "events":[{"kv":{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1","value":"Mw=="}}]}}
            """.Trim(), await reader.ReadLineAsync());
        await PostAsync("/v3/kv/deleterange", """{"key":"YQ"}""");
        Assert.EndsWith("""
            "events":[{"type":"DELETE","kv":{"key":"YQ==","mod_revision":"3"}}]}}
            """.Trim(), await reader.ReadLineAsync());
    }

    [Fact]
    public async Task A_stream_that_fails_at_once_has_the_status_and_its_own_form_of_error()
    {
        await EnableAuthAsync();
        using HttpResponseMessage response = await _server.Http.PostAsync("/v3/lease/keepalive", new StringContent("""{"ID":"1"}"""));
        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal("{\"error\":{\"code\":3,\"message\":\"etcdserver: user name is empty\"}}\n",
            await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Tokens_come_by_each_of_their_headers()
    {
        string token = await EnableAuthAsync();
        (string Name, string Value)[] forms =
            [("Authorization", token), ("Authorization", $"Bearer {token}"), ("Grpc-Metadata-Token", token),
                ("Grpc-Metadata-Authorization", token)];
        foreach ((string name, string value) in forms)
        {
            Assert.Equal(200, await StatusAsync(name, value));
        }

        Assert.Equal(401, await StatusAsync("Authorization", "nonsense"));
        Assert.Equal(400, await StatusAsync("X-Nothing", token));
    }

    [Fact]
    public async Task A_timeout_is_read_from_its_header()
    {
        using HttpResponseMessage malformed = await SendAsync("/v3/kv/range", """{"key":"YQ"}""", "Grpc-Timeout", "zz");
        Assert.Equal("""{"code":3,"message":"invalid grpc-timeout: zz"}""", await malformed.Content.ReadAsStringAsync());
        using HttpResponseMessage fine = await SendAsync("/v3/kv/range", """{"key":"YQ"}""", "Grpc-Timeout", "0S");
        Assert.Equal(200, (int)fine.StatusCode);
    }

    [Fact]
    public async Task Any_path_takes_options_and_tells_origins_that_they_may()
    {
        using HttpResponseMessage response = await _server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Options,
            "/v3/kv/range"));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("", await response.Content.ReadAsStringAsync());
        Assert.Equal("*", response.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Equal("POST, GET, OPTIONS, PUT, DELETE",
            string.Join(", ", response.Headers.GetValues("Access-Control-Allow-Methods")));
        Assert.Equal("accept, content-type, authorization",
            string.Join(", ", response.Headers.GetValues("Access-Control-Allow-Headers")));
    }

    [Fact]
    public async Task Every_route_of_the_table_is_there()
    {
        foreach (string path in Server.Api.Gateway.GatewayRoutes.Paths.Values.SelectMany(paths => paths))
        {
            using HttpResponseMessage response = await _server.Http.GetAsync(path);
            Assert.Equal(501, (int)response.StatusCode);
        }
    }

    private async Task<string> EnableAuthAsync()
    {
        await PostAsync("/v3/auth/user/add", """{"name":"root","password":"p"}""");
        await PostAsync("/v3/auth/user/grant", """{"user":"root","role":"root"}""");
        await PostAsync("/v3/auth/enable", "{}");
        using JsonDocument answer = JsonDocument.Parse(await PostAsync("/v3/auth/authenticate", """{"name":"root","password":"p"}"""));
        return answer.RootElement.GetProperty("token").GetString()!;
    }

    private async Task<int> StatusAsync(string header, string value)
    {
        using HttpResponseMessage response = await SendAsync("/v3/kv/range", """{"key":"YQ"}""", header, value);
        return (int)response.StatusCode;
    }

    private async Task<HttpResponseMessage> SendAsync(string path, string json, string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json) };
        request.Headers.TryAddWithoutValidation(header, value);
        return await _server.Http.SendAsync(request);
    }

    private async Task<string> PostAsync(string path, string json)
    {
        using HttpResponseMessage response = await _server.Http.PostAsync(path, new StringContent(json));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        return await response.Content.ReadAsStringAsync();
    }
}
