using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Quorate.Server.Api.Gateway;

/// <summary>
/// Turns the JSON of a message into its protobuf bytes, by the descriptor alone: no accessors, which would need reflection
/// (spec 01 §5.2). <see cref="FormatException"/> and <see cref="JsonException"/> for what is not such a message.
/// </summary>
internal static class JsonToWire
{
    private const int MaxDepth = 100;

    /// <summary>The first value of the JSON; nothing at all is an empty message.</summary>
    public static byte[] Convert(ReadOnlySpan<byte> json, MessageDescriptor type)
    {
        var output = new ArrayBufferWriter<byte>(json.Length + 16);
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { AllowMultipleValues = true, MaxDepth = MaxDepth });
        if (json.TrimStart(" \t\r\n"u8).IsEmpty)
        {
            return [];
        }

        if (!reader.Read())
        {
            throw new FormatException("unexpected EOF");
        }

        if (reader.TokenType != JsonTokenType.Null)
        {
            Message(ref reader, type, output);
        }

        return output.WrittenSpan.ToArray();
    }

    private static void Message(ref Utf8JsonReader reader, MessageDescriptor type, ArrayBufferWriter<byte> output)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Unexpected(reader);
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            FieldDescriptor? field = Find(type, reader.GetString()!);
            reader.Read();
            if (field is null)
            {
                reader.Skip();
            }
            else if (reader.TokenType != JsonTokenType.Null)
            {
                Field(ref reader, field, output);
            }
        }
    }

    /// <summary>By its own name or by the one in camel case.</summary>
    private static FieldDescriptor? Find(MessageDescriptor type, string name)
    {
        foreach (FieldDescriptor field in type.Fields.InDeclarationOrder())
        {
            if (field.Name == name || field.JsonName == name)
            {
                return field;
            }
        }

        return null;
    }

    private static void Field(ref Utf8JsonReader reader, FieldDescriptor field, ArrayBufferWriter<byte> output)
    {
        if (!field.IsRepeated)
        {
            Value(ref reader, field, output);
            return;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Unexpected(reader);
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            Value(ref reader, field, output);
        }
    }

    private static void Value(ref Utf8JsonReader reader, FieldDescriptor field, ArrayBufferWriter<byte> output)
    {
        switch (field.FieldType)
        {
            case FieldType.Message:
                var nested = new ArrayBufferWriter<byte>();
                Message(ref reader, field.MessageType, nested);
                Bytes(field, nested.WrittenSpan, output);
                break;
            case FieldType.Bytes:
                Bytes(field, Base64(reader), output);
                break;
            case FieldType.String:
                Bytes(field, System.Text.Encoding.UTF8.GetBytes(Text(reader)), output);
                break;
            case FieldType.Bool:
                Number(field,
                    reader.TokenType switch
                    {
                        JsonTokenType.True => 1,
                        JsonTokenType.False => 0,
                        _ =>
                        throw Unexpected(reader)
                    }, output);
                break;
            case FieldType.Enum:
                if (Enumeration(reader, field.EnumType) is { } number)
                {
                    Number(field, (ulong)number, output);
                }

                break;
            case FieldType.UInt64:
                Number(field, (ulong)Integer(reader, ulong.MinValue, ulong.MaxValue), output);
                break;
            case FieldType.UInt32:
                Number(field, (ulong)Integer(reader, uint.MinValue, uint.MaxValue), output);
                break;
            case FieldType.Int64:
                Number(field, (ulong)(long)Integer(reader, long.MinValue, long.MaxValue), output);
                break;
            case FieldType.Int32:
                Number(field, (ulong)(long)Integer(reader, int.MinValue, int.MaxValue), output);
                break;
            default:
                throw new NotSupportedException($"{field.FieldType} in {field.FullName}");
        }
    }

    /// <summary>Null for a name that is not known, which counts as not given.</summary>
    private static long? Enumeration(in Utf8JsonReader reader, EnumDescriptor type) => reader.TokenType == JsonTokenType.String
        ? type.FindValueByName(reader.GetString()!)?.Number
        : (long)Integer(reader, int.MinValue, int.MaxValue);

    private static decimal Integer(in Utf8JsonReader reader, decimal least, decimal most)
    {
        if (reader.TokenType is not (JsonTokenType.Number or JsonTokenType.String))
        {
            throw Unexpected(reader);
        }

        string text = reader.TokenType == JsonTokenType.String ? reader.GetString()!
            : System.Text.Encoding.ASCII.GetString(reader.ValueSpan);
        return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal value)
            && value == decimal.Truncate(value) && value >= least && value <= most
            ? value
            : throw new FormatException($"invalid value for an integer: {text}");
    }

    /// <summary>Standard or for URLs, padded or not.</summary>
    private static byte[] Base64(in Utf8JsonReader reader)
    {
        string text = Text(reader).TrimEnd('=').Replace('-', '+').Replace('_', '/');
        try
        {
            return System.Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='));
        }
        catch (FormatException error)
        {
            throw new FormatException($"invalid value for bytes: \"{reader.GetString()}\"", error);
        }
    }

    private static string Text(in Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Unexpected(reader);

    private static FormatException Unexpected(in Utf8JsonReader reader) => new($"unexpected token {reader.TokenType}");

    private static void Number(FieldDescriptor field, ulong value, ArrayBufferWriter<byte> output)
    {
        Varint(((ulong)field.FieldNumber << 3) | (uint)WireFormat.WireType.Varint, output);
        Varint(value, output);
    }

    private static void Bytes(FieldDescriptor field, ReadOnlySpan<byte> value, ArrayBufferWriter<byte> output)
    {
        Varint(((ulong)field.FieldNumber << 3) | (uint)WireFormat.WireType.LengthDelimited, output);
        Varint((ulong)value.Length, output);
        output.Write(value);
    }

    private static void Varint(ulong value, ArrayBufferWriter<byte> output)
    {
        const int Bits = 7;
        const ulong More = 0x80;
        while (value >= More)
        {
            Byte((byte)(value | More), output);
            value >>= Bits;
        }

        Byte((byte)value, output);
    }

    private static void Byte(byte value, ArrayBufferWriter<byte> output)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }
}
