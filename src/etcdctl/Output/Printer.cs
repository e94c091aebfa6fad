using System.Text;
using Google.Protobuf;
using Quorate.CommandLine;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Etcdctl.Output;

/// <summary>Prints answers in one of the formats (spec 07 §5). What a format lacks is told after the call was made, as Go's tools
/// do.</summary>
internal sealed class Printer
{
    private readonly string _format;
    private readonly Stream _output = Output;

    private Printer(string format, bool isHex)
    {
        _format = format;
        IsHex = isHex;
    }

    /// <summary>Where results go, byte for byte: standard output, other than in tests.</summary>
    public static Stream Output { get; set; } = Console.OpenStandardOutput();

    public bool IsHex { get; }

    public bool IsSimple => _format == "simple";

    public bool IsFields => _format == "fields";

    public static Printer For(string format, bool isHex) => format is "simple" or "json" or "fields" or "table" or "protobuf"
        ? new Printer(format, isHex)
        : throw new CommandException(ExitCodes.BadFeature, "unsupported output format");

    /// <summary>Prints a message in the format that was asked for.</summary>
    /// <param name="simple">Writes the simple form.</param>
    /// <param name="json">Writes the JSON form.</param>
    /// <param name="fields">Writes the fields; null where there is no such form.</param>
    /// <param name="table">Makes the table; null where there is none.</param>
    public void Print(IMessage? message, Action simple, Action<JsonWriter> json, Action? fields = null, Func<Table>? table = null)
    {
        switch (_format)
        {
            case "simple":
                simple();
                break;
            case "json":
                var writer = new JsonWriter();
                json(writer);
                Line(writer.ToString());
                break;
            case "fields" when fields is not null:
                fields();
                break;
            case "table" when table is not null:
                Write(table().ToString());
                break;
            case "protobuf" when message is not null:
                _output.Write(message.ToByteArray());
                break;
            default:
                throw new CommandException(ExitCodes.BadFeature, $"{_format} not supported as output format");
        }
    }

    public void Write(string text) => _output.Write(Encoding.UTF8.GetBytes(text));

    public void Line(string text) => Write(text + "\n");

    public void Raw(ReadOnlySpan<byte> bytes) => _output.Write(bytes);

    /// <summary>Key or value with its line end, in hexadecimal if that is wanted.</summary>
    public void Bytes(ByteString bytes)
    {
        if (IsHex)
        {
            Write(string.Concat(bytes.Select(each => $"\\x{each:x2}")));
        }
        else
        {
            _output.Write(bytes.Span);
        }

        _output.WriteByte((byte)'\n');
    }

    public void Pair(KeyValue pair, bool valueOnly = false)
    {
        if (!valueOnly)
        {
            Bytes(pair.Key);
        }

        Bytes(pair.Value);
    }

    public void Field(string name, object value) => Line($"\"{name}\" : {value}");

    public void QuotedField(string name, ReadOnlySpan<byte> value) => Line($"\"{name}\" : {GoText.Quote(value)}");

    public void QuotedField(string name, string value) => QuotedField(name, Encoding.UTF8.GetBytes(value));

    public void IdField(string name, ulong id) =>
        Field(name, IsHex ? id.ToString("x") : id.ToString(System.Globalization.CultureInfo.InvariantCulture));

    public void HeaderFields(ResponseHeader? header)
    {
        header ??= new ResponseHeader();
        IdField("ClusterID", header.ClusterId);
        IdField("MemberID", header.MemberId);
        if (header.Revision > 0)
        {
            Field("Revision", header.Revision);
        }

        Field("RaftTerm", header.RaftTerm);
    }

    public void PairFields(string prefix, KeyValue pair)
    {
        QuotedField(prefix + "Key", pair.Key.Span);
        Field(prefix + "CreateRevision", pair.CreateRevision);
        Field(prefix + "ModRevision", pair.ModRevision);
        Field(prefix + "Version", pair.Version);
        QuotedField(prefix + "Value", pair.Value.Span);
        Field(prefix + "Lease", IsHex ? pair.Lease.ToString("x16")
            : pair.Lease.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }
}
