using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quorate.Server.Logging;

/// <summary>Writes etcd's log lines, as JSON or for a console (spec 06 §12). Safe for several threads.</summary>
public sealed class EtcdLog : IDisposable
{
    private static readonly JsonWriterOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _lock = new();
    private readonly List<Stream> _outputs = [];
    private readonly LogLevel _lowest;
    private readonly bool _isConsole;
    private readonly TimeProvider _time;

    /// <param name="outputs">stderr, stdout, default, /dev/null, or paths of files.</param>
    public EtcdLog(LogLevel lowest, IEnumerable<string> outputs, bool isConsole, TimeProvider time)
    {
        _lowest = lowest;
        _isConsole = isConsole;
        _time = time;
        foreach (string output in outputs)
        {
            _outputs.Add(output switch
            {
                "default" or "stderr" => Console.OpenStandardError(),
                "stdout" => Console.OpenStandardOutput(),
                _ => new FileStream(output, FileMode.Append, FileAccess.Write, FileShare.ReadWrite),
            });
        }
    }

    /// <summary>What lines that come before the settings are known go to.</summary>
    public static EtcdLog Default { get; } = new(LogLevel.Info, ["default"], isConsole: false, TimeProvider.System);

    public bool IsEnabled(LogLevel level) => level >= _lowest;

    /// <summary>A line of a level by its name, with fields in order.</summary>
    public void Write(string level, string message, IReadOnlyList<(string Key, object? Value)> fields) =>
        Write(Enum.TryParse(level, ignoreCase: true, out LogLevel parsed) ? parsed : LogLevel.Info, message, fields);

    public void Info(string message, params (string Key, object? Value)[] fields) => Write(LogLevel.Info, message, fields);

    public void Warn(string message, params (string Key, object? Value)[] fields) => Write(LogLevel.Warn, message, fields);

    public void Error(string message, params (string Key, object? Value)[] fields) => Write(LogLevel.Error, message, fields);

    public void Fatal(string message, params (string Key, object? Value)[] fields) => Write(LogLevel.Fatal, message, fields);

    public void Write(LogLevel level, string message, IReadOnlyList<(string Key, object? Value)> fields)
    {
        if (level < _lowest)
        {
            return;
        }

        byte[] line = _isConsole ? ConsoleLine(level, message, fields) : JsonLine(level, message, fields);
        lock (_lock)
        {
            foreach (Stream output in _outputs)
            {
                try
                {
                    output.Write(line);
                    output.Flush();
                }
                catch (IOException)
                {
                    // Nobody to tell: a log that cannot be written must not stop the member.
                }
            }
        }
    }

    public void Dispose()
    {
        foreach (Stream output in _outputs)
        {
            output.Dispose();
        }
    }

    private byte[] JsonLine(LogLevel level, string message, IReadOnlyList<(string Key, object? Value)> fields)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, s_json))
        {
            writer.WriteStartObject();
            writer.WriteString("level", NameOf(level));
            writer.WriteString("ts", Timestamp());
            writer.WriteString("caller", "quorate");
            writer.WriteString("msg", message);
            WriteFields(writer, fields);
            writer.WriteEndObject();
        }

        buffer.GetSpan(1)[0] = (byte)'\n';
        buffer.Advance(1);
        return buffer.WrittenSpan.ToArray();
    }

    private byte[] ConsoleLine(LogLevel level, string message, IReadOnlyList<(string Key, object? Value)> fields)
    {
        var text = new StringBuilder();
        text.Append(Timestamp()).Append('\t').Append(NameOf(level)).Append('\t').Append("quorate").Append('\t').Append(message);
        if (fields.Count > 0)
        {
            var buffer = new ArrayBufferWriter<byte>();
            using (var writer = new Utf8JsonWriter(buffer, s_json))
            {
                writer.WriteStartObject();
                WriteFields(writer, fields);
                writer.WriteEndObject();
            }

            text.Append('\t').Append(Encoding.UTF8.GetString(buffer.WrittenSpan));
        }

        return Encoding.UTF8.GetBytes(text.Append('\n').ToString());
    }

    private string Timestamp() => _time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static string NameOf(LogLevel level) => level.ToString().ToLowerInvariant();

    private static void WriteFields(Utf8JsonWriter writer, IReadOnlyList<(string Key, object? Value)> fields)
    {
        foreach ((string key, object? value) in fields)
        {
            writer.WritePropertyName(key);
            WriteValue(writer, value);
        }
    }

    private static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case string text: writer.WriteStringValue(text); break;
            case bool truth: writer.WriteBooleanValue(truth); break;
            case int number: writer.WriteNumberValue(number); break;
            case long number: writer.WriteNumberValue(number); break;
            case ulong number: writer.WriteNumberValue(number); break;
            case double number: writer.WriteNumberValue(number); break;
            case TimeSpan duration: writer.WriteStringValue(string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.######}ms")); break;
            case IEnumerable items:
                writer.WriteStartArray();
                foreach (object? item in items)
                {
                    WriteValue(writer, item);
                }

                writer.WriteEndArray();
                break;
            default: writer.WriteStringValue(value.ToString()); break;
        }
    }
}
