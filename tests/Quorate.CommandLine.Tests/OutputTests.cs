using System.Text;
using Google.Protobuf;
using Quorate.Etcdctl;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.CommandLine.Tests;

/// <summary>What etcdctl prints of fixed answers, against what etcd's prints (spec 07).</summary>
[Collection("console")]
public sealed class OutputTests : IAsyncLifetime
{
    private readonly FakeEtcd _etcd = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await FakeServer.StartAsync(_etcd);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("get foo", "foo\nbar\n")]
    [InlineData("get foo --print-value-only", "bar\n")]
    [InlineData("get foo --hex", "\\x66\\x6f\\x6f\n\\x62\\x61\\x72\n")]
    [InlineData("get foo -w json", """
        {"header":{"cluster_id":10778735526332757325,"member_id":1825309425148717928,"revision":2,"raft_term":2},"kvs":[{"key":"Zm9v","create_revision":2,"mod_revision":2,"version":1,"value":"YmFy"}],"count":1}

        """)]
    [InlineData("get nokey -w json",
        "{\"header\":{\"cluster_id\":10778735526332757325,\"member_id\":1825309425148717928,\"revision\":2,\"raft_term\":2}}\n")]
    [InlineData("get nokey", "")]
    [InlineData("get foo -w fields", """
        "ClusterID" : 10778735526332757325
        "MemberID" : 1825309425148717928
        "Revision" : 2
        "RaftTerm" : 2
        "Key" : "foo"
        "CreateRevision" : 2
        "ModRevision" : 2
        "Version" : 1
        "Value" : "bar"
        "Lease" : 0
        "More" : false
        "Count" : 1

        """)]
    [InlineData("put foo bar", "OK\n")]
    [InlineData("put foo bar --prev-kv", "OK\nfoo\nold\n")]
    [InlineData("pu foo bar", "OK\n")]
    [InlineData("del zz -w json",
        "{\"header\":{\"cluster_id\":10778735526332757325,\"member_id\":1825309425148717928,\"revision\":2,\"raft_term\":2}}\n")]
    [InlineData("compact 22", "compacted revision 22\n")]
    [InlineData("lease grant 100", "lease 4be8a20afe43c10b granted with TTL(100s)\n")]
    [InlineData("lease timetolive deadbeef", "lease 00000000deadbeef already expired\n")]
    [InlineData("lease timetolive deadbeef -w json", """
        {"cluster_id":10778735526332757325,"member_id":1825309425148717928,"revision":2,"raft_term":2,"id":3735928559,"ttl":-1,"granted-ttl":0,"keys":null}

        """)]
    [InlineData("member list", """
        b0d729fd02cd7528, unstarted, , http://127.0.0.1:21533,http://127.0.0.1:21534, , true
        d561be1175634be8, started, n1, http://127.0.0.1:21511, http://127.0.0.1:21510, false

        """)]
    [InlineData("mem l -w table", """
        +------------------+-----------+------+-----------------------------------------------+------------------------+------------+
        |        ID        |  STATUS   | NAME |                  PEER ADDRS                   |      CLIENT ADDRS      | IS LEARNER |
        +------------------+-----------+------+-----------------------------------------------+------------------------+------------+
        | b0d729fd02cd7528 | unstarted |      | http://127.0.0.1:21533,http://127.0.0.1:21534 |                        |       true |
        | d561be1175634be8 |   started |   n1 |                        http://127.0.0.1:21511 | http://127.0.0.1:21510 |      false |
        +------------------+-----------+------+-----------------------------------------------+------------------------+------------+

        """)]
    [InlineData("member add n2 --learner --peer-urls=http://127.0.0.1:21533,http://127.0.0.1:21534", """
        Member b0d729fd02cd7528 added as learner to cluster  d3a56ef9b7a7a2c

        ETCD_NAME="n2"
        ETCD_INITIAL_CLUSTER="n2=http://127.0.0.1:21533,n2=http://127.0.0.1:21534,n1=http://127.0.0.1:21511"
        ETCD_INITIAL_ADVERTISE_PEER_URLS="http://127.0.0.1:21533,http://127.0.0.1:21534"
        ETCD_INITIAL_CLUSTER_STATE="existing"

        """)]
    [InlineData("member remove bf775f40956a456f", "Member bf775f40956a456f removed from cluster  d3a56ef9b7a7a2c\n")]
    [InlineData("version", "etcdctl version: 3.7.1\nAPI version: 3.7\n")]
    public async Task It_prints_what_etcds_does(string line, string expected)
    {
        (int code, string output, string error) = await RunAsync(line);
        Assert.Equal((0, expected, ""), (code, output, error));
    }

    [Fact]
    public async Task The_protobuf_form_is_the_message()
    {
        (_, string output, _) = await RunAsync("get foo -w protobuf", asHex: true);
        Assert.Equal("0a1908cdeac9f7a5dbf0ca950110e8d6a59985a8b3aa191802200212100a03666f6f10021802200"
            + "12a036261722001", output);
    }

    [Fact]
    public async Task A_transaction_is_read_from_its_three_sections()
    {
        const string Input = "mod(\"foo\") > \"0\"\n\nput foo \"over\"\nget foo\n\nput foo 'created'\ndel bar\n\n";
        (int code, string output, string error) = await RunAsync("txn", Input);
        Assert.Equal((0, "SUCCESS\n\nOK\n\nfoo\nover\n", ""), (code, output, error));
        var expected = new TxnRequest
        {
            Compare =
            {
                new Compare
                {
                    Result = Compare.Types.CompareResult.Greater,
                    Target = Compare.Types.CompareTarget.Mod,
                    Key = ByteString.CopyFromUtf8("foo"),
                    ModRevision = 0,
                },
            },
            Success =
            {
                new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("foo"),
                    Value = ByteString.CopyFromUtf8("over") } },
                new RequestOp { RequestRange = new RangeRequest { Key = ByteString.CopyFromUtf8("foo") } },
            },
            Failure =
            {
                new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("foo"),
                    Value = ByteString.CopyFromUtf8("created") } },
                new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("bar") } },
            },
        };
        Assert.Equal(expected, _etcd.Transactions.Single());
    }

    [Fact]
    public async Task Values_come_from_standard_input_as_they_are()
    {
        await RunAsync("put ml", "a\nb\n");
        Assert.Equal("a\nb\n", _etcd.Puts.Single().Value.ToStringUtf8());
    }

    [Theory]
    [InlineData("get", 128, "get command needs one argument as key and an optional argument as range_end")]
    [InlineData("get a b --prefix", 128, "too many arguments, only accept one argument when `--prefix` or `--from-key` is set")]
    [InlineData("get a --prefix --from-key", 128, "`--prefix` and `--from-key` cannot be set at the same time, choose one")]
    [InlineData("get a --order x", 4, "bad sort order x")]
    [InlineData("get a --consistency x", 4, "unknown consistency flag \"x\"")]
    [InlineData("get a --min-mod-rev=5 --max-mod-rev=3", 4, "getMinModRev(=5) > getMaxModRev(=3)")]
    [InlineData("get foo -w table", 4, "table not supported as output format")]
    [InlineData("get foo -w nonsense", 4, "unsupported output format")]
    [InlineData("put", 128, "put command needs 1 argument and input from stdin or 2 arguments")]
    [InlineData("put a", 128, "put command needs 1 argument and input from stdin or 2 arguments")]
    [InlineData("put a b --ignore-value", 128, "put command needs only 1 argument when 'ignore-value' is set")]
    [InlineData("put a b --lease zz", 128,
        "bad lease ID (strconv.ParseInt: parsing \"zz\": invalid syntax), expecting ID in Hex")]
    [InlineData("del", 128, "del command needs one argument as key and an optional argument as range_end")]
    [InlineData("compact abc", 1, "strconv.ParseInt: parsing \"abc\": invalid syntax")]
    [InlineData("compact", 128, "compaction command needs 1 argument")]
    [InlineData("txn x", 128, "txn command does not accept argument")]
    [InlineData("watch", 128, "bad number of arguments")]
    [InlineData("watch k --", 128, "bad number of arguments (found separator --, but no commands)")]
    [InlineData("watch a b --prefix", 128, "`range_end` and `--prefix` are mutually exclusive")]
    [InlineData("lease grant abc", 128, "bad TTL (strconv.ParseInt: parsing \"abc\": invalid syntax)")]
    [InlineData("lease revoke 1", 1, "failed to revoke lease (etcdserver: requested lease not found)")]
    [InlineData("member remove xyz", 128,
        "bad member ID arg (strconv.ParseUint: parsing \"xyz\": invalid syntax), expecting ID in Hex")]
    [InlineData("member remove", 128, "member ID is not provided")]
    [InlineData("member add", 128, "member name not provided")]
    [InlineData("member add n", 128, "member peer urls not provided")]
    [InlineData("member add n http://a:1", 128, "too many arguments, did you mean --peer-urls=http://a:1")]
    [InlineData("member add n --peer-urls=bad", 1, "URL scheme must be http, https, unix, or unixs: bad")]
    [InlineData("member list --consistency=x", 4, "unknown consistency flag \"l\"")]
    [InlineData("lock", 128, "lock takes a lock name argument and an optional command to execute")]
    [InlineData("elect a", 128, "no proposal argument but -l not set")]
    [InlineData("elect -l a b", 128, "proposal given but -l is set")]
    [InlineData("move-leader zz", 128, "strconv.ParseUint: parsing \"zz\": invalid syntax")]
    [InlineData("downgrade enable", 128, "TARGET_VERSION not provided")]
    [InlineData("check perf --load zz", 4, "unknown load option zz")]
    [InlineData("completion ksh", 1, "invalid argument \"ksh\" for \"etcdctl completion\"")]
    [InlineData("make-mirror", 128, "make-mirror takes one destination argument")]
    [InlineData("get a --cert=", 128, "empty string is passed to --cert option")]
    [InlineData("get a --cert=/x", 128, "KeyFile and CertFile must both be present[key: , cert: /x]")]
    public async Task Errors_have_etcds_text_and_exit_code(string line, int code, string text)
    {
        (int exit, string output, string error) = await RunAsync(line);
        Assert.Equal((code, "", $"Error: {text}\n"), (exit, output, error));
    }

    [Theory]
    [InlineData("foo", "malformed comparison: foo")]
    [InlineData("mod(foo) > \"0\"", "malformed comparison: mod(foo) > \"0\"; got mod(\"\")  \"\"")]
    [InlineData("mod(\"foo\") > 0", "malformed comparison: mod(\"foo\") > 0; got mod(\"foo\") > \"\"")]
    [InlineData("mod(\"foo\")>\"0\"", "malformed comparison: mod(\"foo\")>\"0\"; got mod(\"foo\")  \"\"")]
    [InlineData("blah(\"foo\") > \"0\"", "malformed comparison: blah(\"foo\") > \"0\" (unknown target blah)")]
    [InlineData("mod(\"foo\") > \"abc\"", "invalid txn compare request: mod(\"foo\") > \"abc\"")]
    public async Task Comparisons_that_are_none_are_told(string compare, string text)
    {
        (int code, string output, string error) = await RunAsync("txn", $"{compare}\n\n\n\n");
        Assert.Equal((3, "", $"Error: {text}\n"), (code, output, error));
        Assert.Equal((3, "", "Error: EOF\n"), await RunAsync("txn", "mod(\"foo\") > \"0\"\n\nput a b\n\nget a"));
        Assert.Empty(_etcd.Transactions);
    }

    [Fact]
    public async Task The_environment_gives_flags_and_may_not_contradict_them()
    {
        Assert.Equal((0, "bar\n", ""), await RunAsync("get foo --print-value-only", environment: ("ETCDCTL_WRITE_OUT", "")));
        (_, string output, _) = await RunAsync("get nokey", environment: ("ETCDCTL_WRITE_OUT", "json"));
        Assert.StartsWith("{\"header\"", output, StringComparison.Ordinal);
        (int code, output, string error) = await RunAsync("get foo -w json", environment: ("ETCDCTL_WRITE_OUT", "json"));
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("\"level\":\"fatal\"", error, StringComparison.Ordinal);
        (code, output, error) = await RunAsync("get foo", environment: ("ETCDCTL_FOO", "1"));
        Assert.Equal((0, "foo\nbar\n"), (code, output));
        Assert.Contains("\"msg\":\"unrecognized environment variable\",\"environment-variable\":\"ETCDCTL_FOO=1\"", error,
            StringComparison.Ordinal);
        Assert.Equal((0, "foo\nbar\n", ""), await RunAsync("get foo", environment: ("ETCDCTL_API", "3")));
    }

    [Fact]
    public async Task Debugging_tells_the_flags_as_variables()
    {
        (int code, string output, string error) = await RunAsync("get foo --debug --hex");
        Assert.Equal((0, "\\x66\\x6f\\x6f\n\\x62\\x61\\x72\n"), (code, output));
        Assert.Contains($"ETCDCTL_ENDPOINTS=[{_server.Endpoint}]\nETCDCTL_HEX=true\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_is_known_before_the_command_or_it_has_its_own_exit_code()
    {
        Assert.Equal((0, "foo\nbar\n", ""), await RunAsync("get foo --user=root:secret --dial-timeout=60s"));
        Assert.Equal(["token of root"], _etcd.Tokens);
        Assert.Equal((2, "", "Error: etcdserver: authentication failed, invalid user ID or password\n"),
            await RunAsync("get foo --user=root --password=bad --dial-timeout=60s"));
    }

    [Fact]
    public async Task Commands_that_are_none_are_told()
    {
        (int code, string output, string error) = await RunAsync("bogus");
        Assert.Equal((1, "", "Error: unknown command \"bogus\" for \"etcdctl\"\nRun 'etcdctl --help' for usage.\n"),
            (code, output, error));
        (code, _, error) = await RunAsync("membre list");
        Assert.Equal(1, code);
        Assert.Contains("Did you mean this?\n\tmember\n", error, StringComparison.Ordinal);
        (code, output, error) = await RunAsync("lease bogus");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("lease grant", output, StringComparison.Ordinal);
        (code, output, error) = await RunAsync("get a --nonsense");
        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("Error: unknown flag: --nonsense\n", error, StringComparison.Ordinal);
        Assert.Contains("etcdctl get", error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(string line, string input = "", bool asHex = false,
        params (string Name, string Value)[] environment)
    {
        using var output = new MemoryStream();
        using var writer = new StreamWriter(output) { AutoFlush = true };
        using var error = new StringWriter();
        TextWriter realOutput = Console.Out, realError = Console.Error;
        (Stream realPrinter, Stream realInput) = (Printer.Output, CtlContext.Input);
        try
        {
            Printer.Output = output;
            CtlContext.Input = new MemoryStream(Encoding.UTF8.GetBytes(input));
            Console.SetOut(writer);
            Console.SetError(error);
            string[] words = line is "version" or "bogus" ? [line] : [$"--endpoints={_server.Endpoint}", .. line.Split(' ')];
            int code = await CtlProgram.RunAsync(words, environment.ToDictionary(each => each.Name, each => each.Value));
            byte[] bytes = output.ToArray();
            return (code, asHex ? Convert.ToHexStringLower(bytes) : Encoding.UTF8.GetString(bytes), error.ToString());
        }
        finally
        {
            Console.SetOut(realOutput);
            Console.SetError(realError);
            (Printer.Output, CtlContext.Input) = (realPrinter, realInput);
        }
    }
}
