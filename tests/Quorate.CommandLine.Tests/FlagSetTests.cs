namespace Quorate.CommandLine.Tests;

/// <summary>Flags in the forms of Go's tools (spec 07 §1).</summary>
public sealed class FlagSetTests
{
    [Theory]
    [InlineData("put k v --lease 1f --prev-kv", "put k v")]
    [InlineData("--lease=1f put --prev-kv k v", "put k v")]
    [InlineData("put k --prev-kv=true --lease=1f -- v", "put k v")]
    [InlineData("put --prev-kv=T --lease 1f -- k v", "put k v")]
    public void Flags_stand_anywhere_and_a_double_dash_ends_them(string line, string positional)
    {
        FlagSet flags = New();
        Assert.Equal(positional.Split(' '), flags.Parse(line.Split(' '), out int dashes));
        Assert.Equal(("1f", true), (flags.Text("lease"), flags.Boolean("prev-kv")));
        Assert.Equal(line.Contains(" -- ", StringComparison.Ordinal), dashes >= 0);
    }

    [Theory]
    [InlineData("-w json")]
    [InlineData("-wjson")]
    [InlineData("-w=json")]
    [InlineData("--write-out json")]
    [InlineData("--write-out=json")]
    [InlineData("-iwjson")]
    public void Short_flags_take_their_value_in_three_forms(string line)
    {
        FlagSet flags = New();
        Assert.Empty(flags.Parse(line.Split(' '), out _));
        Assert.Equal("json", flags.Text("write-out"));
    }

    [Theory]
    [InlineData("10", 10)]
    [InlineData("-10", -10)]
    [InlineData("0x10", 16)]
    [InlineData("0b101", 5)]
    [InlineData("017", 15)]
    [InlineData("0o17", 15)]
    [InlineData("1_000", 1000)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    public void Numbers_have_their_base_by_prefix(string text, long expected)
    {
        FlagSet flags = New();
        flags.Parse([$"--limit={text}"], out _);
        Assert.Equal(expected, flags.Integer("limit"));
    }

    [Fact]
    public void Lists_grow_with_each_use_and_quotes_protect_commas()
    {
        FlagSet flags = New();
        Assert.Equal(["127.0.0.1:2379"], flags.List("endpoints"));
        flags.Parse(["--endpoints", "a", "--endpoints=b,c", "--endpoints", "\"d,e\""], out _);
        Assert.Equal(["a", "b", "c", "d,e"], flags.List("endpoints"));
    }

    [Theory]
    [InlineData("--nonsense", "unknown flag: --nonsense")]
    [InlineData("-v", "unknown shorthand flag: 'v' in -v")]
    [InlineData("-ix", "unknown shorthand flag: 'x' in -ix")]
    [InlineData("--lease", "flag needs an argument: --lease")]
    [InlineData("-w", "flag needs an argument: 'w' in -w")]
    [InlineData("--limit=x", "invalid argument \"x\" for \"--limit\" flag: strconv.ParseInt: parsing \"x\": invalid syntax")]
    [InlineData("--limit=0x", "invalid argument \"0x\" for \"--limit\" flag: strconv.ParseInt: parsing \"0x\": invalid syntax")]
    [InlineData("--limit=9223372036854775808",
        "invalid argument \"9223372036854775808\" for \"--limit\" flag: strconv.ParseInt: parsing \"9223372036854775808\": value out of range")]
    [InlineData("--prev-kv=yes",
        "invalid argument \"yes\" for \"--prev-kv\" flag: strconv.ParseBool: parsing \"yes\": invalid syntax")]
    [InlineData("--timeout=5", "invalid argument \"5\" for \"--timeout\" flag: time: missing unit in duration \"5\"")]
    public void What_is_wrong_is_told_in_Gos_words(string argument, string text)
    {
        CommandException error = Assert.Throws<CommandException>(() => New().Parse([argument], out _));
        Assert.Equal((ExitCodes.Error, text), (error.ExitCode, error.Message));
    }

    private static FlagSet New() => new FlagSet()
        .Add("endpoints", FlagSet.Kind.List, "127.0.0.1:2379", "")
        .Add("interactive", FlagSet.Kind.Boolean, "false", "", 'i')
        .Add("lease", FlagSet.Kind.Text, "0", "")
        .Add("limit", FlagSet.Kind.Integer, "0", "")
        .Add("prev-kv", FlagSet.Kind.Boolean, "false", "")
        .Add("timeout", FlagSet.Kind.Duration, "5s", "")
        .Add("write-out", FlagSet.Kind.Text, "simple", "", 'w');
}
