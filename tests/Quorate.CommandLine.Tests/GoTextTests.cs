using System.Text;

namespace Quorate.CommandLine.Tests;

public sealed class GoTextTests
{
    [Theory]
    [InlineData("610962ffc3a9", "\"a\\tb\\xffé\"")]
    [InlineData("225c07080c0a0d0b", "\"\\\"\\\\\\a\\b\\f\\n\\r\\v\"")]
    [InlineData("00017f", "\"\\x00\\x01\\x7f\"")]
    [InlineData("e280a8", "\"\\u2028\"")]
    [InlineData("c2a0", "\"\\u00a0\"")]
    [InlineData("f09f9880", "\"😀\"")]
    [InlineData("eda080", "\"\\xed\\xa0\\x80\"")]
    public void Bytes_are_quoted_as_Go_does(string hex, string expected) =>
        Assert.Equal(expected, GoText.Quote(Convert.FromHexString(hex)));

    [Theory]
    [InlineData("\"a\\tb\"", "610962")]
    [InlineData("\"\\xff\\377\\u00e9\\U0001F600\"", "ffffc3a9f09f9880")]
    [InlineData("`a\\tb`", "615c7462")]
    [InlineData("\"\\q\"", null)]
    [InlineData("\"\\xf\"", null)]
    [InlineData("\"\\ud800\"", null)]
    [InlineData("\"a\"b\"", null)]
    [InlineData("\"", null)]
    public void Literals_are_read_as_Go_does(string literal, string? hex) =>
        Assert.Equal(hex, GoText.Unquote(literal) is { } bytes ? Convert.ToHexStringLower(bytes) : null);

    [Theory]
    [InlineData("61")]
    [InlineData("ff00fe")]
    [InlineData("f09f9880ed")]
    public void Bytes_that_are_no_text_survive_as_text(string hex) =>
        Assert.Equal(hex, Convert.ToHexStringLower(GoText.ToBytes(GoText.FromBytes(Convert.FromHexString(hex)))));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(9, "9 B")]
    [InlineData(10, "10 B")]
    [InlineData(16384, "16 kB")]
    [InlineData(20480, "20 kB")]
    [InlineData(24576, "25 kB")]
    [InlineData(28672, "29 kB")]
    [InlineData(100000, "100 kB")]
    [InlineData(2147483648, "2.1 GB")]
    public void Sizes_are_rounded_as_in_etcds_tables(long bytes, string expected) => Assert.Equal(expected, GoText.Size(bytes));

    [Theory]
    [InlineData(30119120, "3.011912s")]
    [InlineData(30119, "3.0119ms")]
    [InlineData(7763, "776.3µs")]
    [InlineData(10004852, "1.0004852s")]
    [InlineData(0, "0s")]
    public void Durations_have_Gos_form(long ticks, string expected) =>
        Assert.Equal(expected, GoText.Duration(TimeSpan.FromTicks(ticks)));

    [Fact]
    public void Ids_are_hexadecimal()
    {
        Assert.True(GoText.TryHexInt64("deadbeef", out long lease, out _));
        Assert.Equal(0xdeadbeef, lease);
        Assert.True(GoText.TryHexInt64("-ff", out lease, out _));
        Assert.Equal(-255, lease);
        Assert.False(GoText.TryHexInt64("zz", out _, out string fault));
        Assert.Equal("strconv.ParseInt: parsing \"zz\": invalid syntax", fault);
        Assert.False(GoText.TryHexInt64("8000000000000000", out _, out fault));
        Assert.Equal("strconv.ParseInt: parsing \"8000000000000000\": value out of range", fault);
        Assert.True(GoText.TryHexUInt64("ffffffffffffffff", out ulong member, out _));
        Assert.Equal(ulong.MaxValue, member);
        Assert.False(GoText.TryHexUInt64("10000000000000000", out _, out fault));
        Assert.Equal("strconv.ParseUint: parsing \"10000000000000000\": value out of range", fault);
    }

    [Fact]
    public void Tables_have_centred_headers_and_cells_to_the_right()
    {
        var table = new Table("ID", "Status", "Peer Addrs");
        table.Add("1954cd4053296b68", "started", "http://127.0.0.1:21501");
        table.Add("2", "unstarted", "");
        Assert.Equal(
            """
            +------------------+-----------+------------------------+
            |        ID        |  STATUS   |       PEER ADDRS       |
            +------------------+-----------+------------------------+
            | 1954cd4053296b68 |   started | http://127.0.0.1:21501 |
            |                2 | unstarted |                        |
            +------------------+-----------+------------------------+

            """,
            table.ToString());
        Assert.Equal(UTF8Encoding.UTF8.GetByteCount(table.ToString()), table.ToString().Length);
    }
}
